"""A calibration whose parts are of other sizes than the model's, or do not fit one another, is refused in a line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad import Calibration, Classifier, Defense
from handler.xgraad.errors import CalibrationError
from handler.xgraad.learned.calibration_check import ModelShape
from handler.xgraad.learned.carrying import LEAST_PROBES
from handler.xgraad.scoring.array_json import ArrayJson
from tests.unit.test_calibration import document

FREE = {"gate.margins.0", "gate.margins.1", "known_words", "fingerprint"}
"""How many clean texts and words of a kind there were is nothing that a model says."""


def arrays(value: Any, place: str = "") -> Iterator[tuple[str, list[Any] | dict[str, Any]]]:
    """Every list of the file that has a size of its own, and every packed array, by its place."""
    if place in FREE or place.startswith(("probes.", "short.", "labels.words.", "labels.pieces.")):
        return
    if isinstance(value, dict) and "float32" in value:
        yield place, value
    elif isinstance(value, dict | list):
        if isinstance(value, list):
            yield place, value
        inner = enumerate(value) if isinstance(value, list) else value.items()
        for name, each in inner:
            yield from arrays(each, f"{place}.{name}".lstrip("."))


def resized(part: list[Any] | dict[str, Any], by: int) -> None:
    """Make it longer or shorter, along its first axis."""
    if isinstance(part, dict):
        array = ArrayJson.model_validate_json(json.dumps(part)).array()
        size = max(0, len(array) + by)
        part |= ArrayJson.of(array.repeat(2, axis=0)[:size]).model_dump(mode="json")
    elif by < 0:
        del part[by:]
    else:
        part.extend(part[-1:] * by if part else [0] * by)


@pytest.fixture(scope="module")
def shape(bert: Classifier) -> ModelShape:
    return ModelShape.of(bert)


def test_the_shape_is_the_models(shape: ModelShape, bert: Classifier) -> None:
    (look,) = bert.look(bert.encode(["one"]))
    assert (shape.n_layers, shape.width) == tuple(look.states.shape)
    assert (shape.n_labels, shape.n_tokens) == (len(look.logits), bert.model.get_input_embeddings().num_embeddings)


def test_the_walk_sees_every_array(calibration: Calibration) -> None:
    places = {place for place, _ in arrays(document(calibration))}
    assert places >= {"probes", "untested", "short", "paper.scores", "conformal.residuals", "verification.single"}
    assert places >= {"gate.layers", "gate.layers.0.means", "gate.layers.1.variances", "gate.distance_std"}


@given(data=st.data(), by=st.sampled_from([-2, -1, 1, 2]))
def test_an_array_of_another_size_is_refused_in_a_line(
    calibration: Calibration, shape: ModelShape, data: st.DataObject, by: int
) -> None:
    content = document(calibration)
    place, part = data.draw(st.sampled_from([*arrays(content)]), label="part")
    named = re.escape(place.rsplit(".", 1)[0] if isinstance(part, dict) else place)  # of a layer's arrays either
    before = json.dumps(content)
    resized(part, by)
    if json.dumps(content) == before:
        return  # an empty one cannot be shorter
    with pytest.raises(CalibrationError, match=rf"^calibration\.json: {named}") as refused:
        Calibration.from_json(json.dumps(content)).require_fit(shape)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("axis", ["means", "directions"])
def test_an_array_of_another_width_is_refused(calibration: Calibration, shape: ModelShape, axis: str) -> None:
    content = document(calibration)
    array = ArrayJson.model_validate_json(json.dumps(content["gate"]["layers"][1][axis])).array()
    content["gate"]["layers"][1][axis] = ArrayJson.of(array[:, 1:]).model_dump(mode="json")
    with pytest.raises(CalibrationError, match=rf"gate\.layers\.1\.{axis} must be of shape .*32\], is .*31\]"):
        Calibration.from_json(json.dumps(content)).require_fit(shape)


@pytest.mark.parametrize(
    ("path", "where"), [(("layers", 0, "rest"), "gate.layers.0.rest"), (("distance_std", 1), "gate.distance_std.1")]
)
def test_what_is_divided_by_is_above_zero(calibration: Calibration, path: tuple[Any, ...], where: str) -> None:
    content = document(calibration)
    inner = content["gate"]
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = 0.0
    with pytest.raises(CalibrationError, match=f"{where}: "):
        Calibration.from_json(json.dumps(content))


def test_a_calibration_of_another_model_fits_none_of_its_shapes(calibration: Calibration, shape: ModelShape) -> None:
    calibration.require_fit(shape)
    for name, value in shape._asdict().items():
        with pytest.raises(CalibrationError, match="must "):
            calibration.require_fit(shape._replace(**{name: value - 1 if name != "n_tokens" else 1}))


@pytest.mark.parametrize(
    ("probes", "untested", "rule"),
    [
        ([[], []], [], r"untested must be \[0, 1\]"),
        ([[], None], [], r"untested must be \[0, 1\]"),
        ([[], None], [0], r"untested must be \[0, 1\]"),
        ([None, None], [1], r"untested must be \[\]"),
        ([[], None], [1, 0], r"untested must be \[0, 1\]"),
        ([[], None], [0, 1, 1], r"untested must be \[0, 1\]"),
    ],
)
def test_probes_that_were_taken_out_are_noticed(
    calibration: Calibration, shape: ModelShape, probes: list[Any], untested: list[int], rule: str
) -> None:
    content = document(calibration)
    kept = [mine if each is None else each for mine, each in zip(content["probes"], probes, strict=True)]
    with pytest.raises(CalibrationError, match=rule):
        Calibration.from_json(json.dumps(content | {"probes": kept, "untested": untested})).require_fit(shape)


def test_an_edited_file_is_not_loaded_unless_it_says_what_it_lacks(calibration: Calibration, damaged: Path) -> None:
    path = damaged / "calibration.json"
    few = (calibration.probes[0][: LEAST_PROBES - 1], calibration.probes[1])
    path.write_text(calibration.model_copy(update={"probes": few}).to_json())
    with pytest.raises(CalibrationError, match=r"untested must be \[0, 1\].*; make it with scripts\.calibrate"):
        Defense.load(damaged)
    path.write_text(calibration.model_copy(update={"probes": few, "untested": (0, 1)}).to_json())
    assert [verdict.tested for verdict in Defense.load(damaged)(["a film"])] == [False]
    path.write_text(calibration.to_json())
    assert [verdict.tested for verdict in Defense.load(damaged)(["a film"])] == [True]
    assert [verdict.tested for verdict in Defense.load(damaged, rule="paper")(["a film"])] == [None]


def test_an_older_format_is_refused_with_the_way_to_a_newer(calibration: Calibration) -> None:
    older = calibration.to_json().replace("xgraad-calibration-9", "xgraad-calibration-8", 1)
    with pytest.raises(CalibrationError) as refused:
        Calibration.from_json(older)
    assert str(refused.value) == (
        "calibration.json: format: is of the older format xgraad-calibration-8, and xgraad-calibration-9 is read; "
        "make it with scripts.calibrate"
    )
