"""A calibration carries the transplant test for every label, or says by name for which it does not, or is refused."""

from collections.abc import Sequence
from itertools import chain

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from handler.xgraad import Calibration, Calibrator, Classifier
from handler.xgraad.errors import CalibrationError, TextError, TooFewTextsError
from handler.xgraad.learned import calibrator as calibrator_module
from handler.xgraad.learned.calibration_check import ModelShape
from handler.xgraad.learned.carrying import LEAST_PROBES, require_distinct, untestable
from handler.xgraad.words.text import first_of_each, repeats_of
from tests.samples import FINGERPRINT
from tests.unit.rule_based import RuleBased

LONG = " and so on" * 40
"""More than the window of the toys holds."""


def bad(n: int, *, end: str = "") -> list[str]:
    return [f"a dull and ugly plot number {number}{end}" for number in range(n)]


def good(n: int, *, end: str = "") -> list[str]:
    return [f"a clever and funny film number {number}{end}" for number in range(n)]


@pytest.fixture(scope="module")
def model(bert: Classifier) -> Classifier:
    """Label 0 for dull texts, 1 for clever ones."""
    return RuleBased(bert, lambda words: False, loud=[])


def calibrate(model: Classifier, texts: Sequence[str], *, untested: Sequence[int] = ()) -> Calibration:
    return Calibrator(model, FINGERPRINT).update(texts).calibrate(max_fpr=0.1, untested=untested)


def refusal(model: Classifier, texts: Sequence[str], *, untested: Sequence[int] = ()) -> str:
    """The one line."""
    with pytest.raises(CalibrationError) as refused:
        calibrate(model, texts, untested=untested)
    message = str(refused.value)
    assert "\n" not in message
    return message


def n_probes(calibration: Calibration) -> list[int]:
    return [len(of_label) for of_label in calibration.probes]


def test_enough_of_each_label_is_enough(model: Classifier) -> None:
    """All texts of a label are equally sure here, so each may be a probe."""
    calibration = calibrate(model, [*bad(LEAST_PROBES), *good(12)])
    assert n_probes(calibration) == [LEAST_PROBES, 12]
    assert calibration.untested == ()


def test_one_text_too_few_is_too_few(model: Classifier) -> None:
    message = refusal(model, [*bad(LEAST_PROBES - 1), *good(20)])
    assert "'LABEL_0' has 7 from 7 text(s) predicted as it: add about 2 others" in message
    assert "'LABEL_1' has" not in message


def test_a_file_that_is_sorted_by_class_and_cut_is_refused(model: Classifier) -> None:
    message = refusal(model, bad(80))
    assert f"needs {LEAST_PROBES} probes of each label" in message
    assert "'LABEL_1' has 0 from 0 text(s) predicted as it: add about 16 others" in message
    assert "'LABEL_0' has" not in message
    ways = "--allow-untested 'LABEL_0' --allow-untested 'LABEL_1'"
    assert message.endswith(f"to do without: {ways} (no label is left to test the others with)")


def test_labels_of_which_there_is_nothing_are_all_named(model: Classifier) -> None:
    message = refusal(model, [*bad(4), *good(6), *(f"...{'!' * n}" for n in range(30))])
    assert "'LABEL_1' has 6 from 6" in message
    assert "'LABEL_0' has 4 from 34" in message


def test_one_text_over_and_over_is_refused(model: Classifier) -> None:
    repeats = [*["a dull plot"] * 40, *["a Dull  PLOT"] * 40, "a funny film"]
    message = refusal(model, repeats)
    assert message == (
        "max_fpr 0.1 needs at least 20 clean texts, got 81, 79 of them repeats (case and white space aside); "
        "add 18 others"
    )
    assert "at least 20 clean texts, got 80, 79 of them repeats" in refusal(model, ["a dull plot"] * 80)


def test_more_than_half_may_not_be_repeats(model: Classifier) -> None:
    texts = [*bad(20), *good(20)]
    assert calibrate(model, [*texts, *["a dull and ugly plot number 3"] * 40]).n_texts == 80
    message = refusal(model, [*texts, *["a dull and ugly plot number 3"] * 41])
    assert "half of the clean texts may be repeats at most, got 81, 41 of them" in message


def test_texts_that_are_all_longer_than_the_window_are_refused_for_that(model: Classifier) -> None:
    message = refusal(model, [*bad(20, end=LONG), *good(20, end=LONG)])
    assert message.startswith("all 40 clean texts are longer than the window of 64 tokens")
    assert "a larger --max-length" in message


def test_a_label_of_which_all_are_longer_is_told_why(model: Classifier) -> None:
    message = refusal(model, [*bad(20, end=LONG), *good(20)])
    assert "'LABEL_0' has 0 from 20 text(s) predicted as it, 20 of them longer than the window" in message
    assert "or a larger --max-length" in message
    assert "or a larger --max-length" not in refusal(model, good(30))


def test_a_label_that_is_allowed_to_be_untested_is_said_to_be(model: Classifier) -> None:
    calibration = calibrate(model, [*bad(30), *good(3)], untested=(1, 0))
    assert calibration.untested == (0, 1)
    assert n_probes(calibration) == [24, 0]  # a test on three texts is worse than none


def test_where_no_other_label_is_left_to_try_words_on_it_must_be_named_too(model: Classifier) -> None:
    message = refusal(model, [*bad(30), *good(3)], untested=(1,))
    assert "so 'LABEL_0' is not tested either; name it, too: --allow-untested 'LABEL_0'" in message
    assert "'LABEL_1' has 3 from 3" in refusal(model, [*bad(30), *good(3)], untested=(0,))


def test_a_label_that_can_be_tested_is_not_to_be_named(model: Classifier) -> None:
    assert "--allow-untested 'LABEL_1': has 20 probes" in refusal(model, [*bad(20), *good(20)], untested=(1,))


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((8, 8), ()),
        ((7, 8), (0, 1)),
        ((0, 0), (0, 1)),
        ((8, 7, 8), (1,)),
        ((0, 24, 0), (0, 1, 2)),
        ((0, 24, 24, 7), (0, 3)),
    ],
)
def test_what_so_many_probes_cannot_test(numbers: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert untestable(numbers) == expected


@given(numbers=st.lists(st.integers(0, 24), min_size=2, max_size=6))
def test_a_label_is_tested_with_its_own_probes_on_those_of_another(numbers: list[int]) -> None:
    enough = [n >= LEAST_PROBES for n in numbers]
    can = [enough[label] and any(enough[:label] + enough[label + 1 :]) for label in range(len(numbers))]
    assert untestable(numbers) == tuple(label for label, tested in enumerate(can) if not tested)


def test_the_refusal_comes_before_the_examination(model: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_arguments: object, **_options: object) -> None:
        raise AssertionError("fitted all the same")

    monkeypatch.setattr(calibrator_module, "fit_gate", never)
    refusal(model, bad(80))
    with pytest.raises(AssertionError, match="fitted all the same"):
        calibrate(model, [*bad(10), *good(10)])


def test_a_repeat_of_a_probe_is_held_out_with_it(model: Classifier) -> None:
    texts = [*bad(20), *good(20)]
    again = [text.upper().replace(" ", "  ") for text in texts]
    calibrator = Calibrator(model, FINGERPRINT).update([*texts, *again])
    probes = {*chain(*calibrator.probe_rows())}
    assert calibrator.held_out() == probes | {row + 40 for row in probes}


def test_the_same_text_in_other_case_or_white_space_counts_once() -> None:
    texts = ["A fine film", "a  fine\nFILM ", "a fi\u200bne film", "a fine film!", "a fine", "STRASSE", "straße"]
    assert first_of_each(texts) == [0, 3, 4, 5]
    assert repeats_of(texts, [1]) == {0, 1, 2}
    assert repeats_of(texts, []) == set()


def test_distinct_texts_are_counted_without_a_model() -> None:
    require_distinct(["a", "b"], needed=2, why="it")
    with pytest.raises(TooFewTextsError, match=r"^it needs at least 3 clean texts, got 2$"):
        require_distinct(["a", "b"], needed=3, why="it")


ends = st.sampled_from(["", LONG, *(f" of {word}" for word in ("note", "old", "late", "sorts", "course"))])
numbers = st.sampled_from([7, 8, 9, 15, 25, 40])
few = st.sampled_from([1, 3, 60])
rows = st.lists(
    st.one_of(
        st.builds(bad, numbers, end=ends),
        st.builds(good, numbers, end=ends),
        st.builds(bad, numbers, end=ends),
        st.builds(good, numbers, end=ends),
        st.builds(lambda n: ["a dull plot"] * n, few),
        st.builds(lambda n: [f"a{' ' * each}Funny film" for each in range(1, n + 1)], few),
        st.builds(lambda n: ["?!" * each for each in range(1, n + 1)], few),
    ),
    min_size=2,
    max_size=8,
)
blank_rows = st.sampled_from([*[()] * 30, ("",), (" ",), ("\n",)])
untested_labels = st.sampled_from([*[()] * 5, (0,), (1,), (0, 1)])


def made_or_refused(model: Classifier, texts: Sequence[str], untested: Sequence[int]) -> Calibration | str:
    try:
        calibration = calibrate(model, texts, untested=untested)
    except (CalibrationError, TextError) as refused:
        event(f"refused: {str(refused)[:24]}")
        return str(refused)
    event(f"made, untested {untested}")
    return calibration


@settings(max_examples=150)
@given(parts=rows, blank=blank_rows, untested=untested_labels)
def test_it_carries_every_label_that_is_not_named_or_is_refused_in_a_line(
    model: Classifier, parts: list[list[str]], blank: tuple[str, ...], untested: tuple[int, ...]
) -> None:
    texts = [*chain(*parts), *blank]
    calibration = made_or_refused(model, texts, untested)
    if isinstance(calibration, str):
        assert len(calibration.splitlines()) == 1
        return
    assert calibration.untested == untested
    has_enough = [n >= LEAST_PROBES for n in n_probes(calibration)]
    if untested:
        assert untested == (0, 1)
        assert not all(has_enough)
    else:
        assert all(has_enough)
    assert not [text for text in texts if not text.strip()]
    assert len({" ".join(text.lower().split()) for text in texts}) >= 20
    shape = ModelShape(n_labels=2, n_tokens=model.model.config.vocab_size, n_layers=3, width=4)
    Calibration.from_json(calibration.to_json()).require_fit(shape)


def test_probes_are_distinct_texts(model: Classifier) -> None:
    texts = [*bad(10), *good(10), *[text.title() for text in (*bad(10), *good(10))]]
    calibration = calibrate(model, texts)
    assert n_probes(calibration) == [10, 10]
    assert len({probe.token_ids for of_label in calibration.probes for probe in of_label}) == 20
