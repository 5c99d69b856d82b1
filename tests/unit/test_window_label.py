"""Windows to a label: the mean, the highest of each label, or one that any window names."""

import pytest

from handler.xgraad.errors import SettingsError
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.rules.window_label import WindowLabel

LABELS = ("fine", "rude", "toxic")


def said(*row: float) -> Prediction:
    best = row.index(max(row))
    return Prediction(
        label=LABELS[best], label_id=best, score=row[best], probabilities=dict(zip(LABELS, row, strict=True))
    )


WINDOWS = [said(0.6, 0.3, 0.1), said(0.5, 0.45, 0.05), said(0.1, 0.15, 0.75)]


def test_the_mean() -> None:
    found = WindowLabel("mean")(WINDOWS)
    assert list(found.probabilities.values()) == pytest.approx([0.4, 0.3, 0.3])
    assert (found.label, found.label_id, found.score) == ("fine", 0, pytest.approx(0.4))


def test_the_highest_of_each_label() -> None:
    found = WindowLabel("max")(WINDOWS)
    assert list(found.probabilities.values()) == pytest.approx([0.6 / 1.8, 0.45 / 1.8, 0.75 / 1.8])
    assert found.label == "toxic"


def test_any_window_names_the_label_the_surest_gives_the_probabilities() -> None:
    surer = said(0.0, 0.1, 0.9)
    assert WindowLabel("any", "toxic")([*WINDOWS, surer]) == surer
    assert WindowLabel("any", "rude")(WINDOWS) == WindowLabel("mean")(WINDOWS)


@pytest.mark.parametrize("way", ["mean", "max"])
def test_the_order_of_windows_does_not_count_and_one_is_itself(way: str) -> None:
    label = WindowLabel(way)
    assert label(WINDOWS) == label(WINDOWS[::-1])
    assert list(label(WINDOWS[:1]).probabilities.values()) == pytest.approx([0.6, 0.3, 0.1])


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (WindowLabel("median"), "windows must be one of any, max, mean, got 'median'"),
        (WindowLabel("any"), "windows_label must be one of 'fine', 'rude', 'toxic' for windows: any, got none"),
        (WindowLabel("any", "angry"), "windows_label must be one of .* got 'angry'"),
        (WindowLabel("mean", "rude"), "windows_label is for windows: any, got 'rude' with mean"),
    ],
)
def test_what_is_no_way_is_refused(label: WindowLabel, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        label.require(LABELS)
    WindowLabel("any", "toxic").require(LABELS)
