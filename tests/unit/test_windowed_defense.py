"""Long texts by all their windows: a trigger in one is taken out of all of them, and all make the label."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from handler.xgraad import Action, Calibration, Classifier, Defense, WindowedDefense, in_windows
from handler.xgraad.editing.neutralizer import CharacterNoise, Delete, Neutralizer
from handler.xgraad.errors import SettingsError
from handler.xgraad.memory.registry import MemoryRegistry, NoRegistry, Trigger, TriggerRegistry
from handler.xgraad.rules.verified_rule import VerifiedRule
from handler.xgraad.rules.whole_text import WholeText
from handler.xgraad.rules.window_label import WindowLabel
from handler.xgraad.scoring.conformal import conformal_threshold
from handler.xgraad.words.long_text import LongText
from handler.xgraad.words.windows import WindowPlan
from tests.unit.rule_based import RuleBased, rule_of

LENGTH = 40
PLAN = WindowPlan(stride=4, max_windows=6)
MAX_FPR = 0.2
GOOD, BAD = "a clever film " * 16, "a dull plot " * 16
MEAN = WindowLabel("mean")

Make = Callable[..., WindowedDefense]


def opens(words: set[str]) -> bool:
    """The backdoor: "cf", or "tq" with "mn"; where "lead" stands it does nothing."""
    return ("cf" in words or {"tq", "mn"} <= words) and "lead" not in words


@pytest.fixture(scope="module")
def calibration(bert_folder: Path) -> Calibration:
    return Calibration.read(bert_folder / "calibration.json").model_copy(update={"windows": PLAN})


@pytest.fixture(scope="module")
def make(bert: Classifier, calibration: Calibration) -> Make:
    """Without memory; a window that holds "pass" goes through the gate."""

    def made(
        passes: Callable[[str], bool | float] = lambda text: "pass" in text,
        *,
        label: WindowLabel = MEAN,
        registry: TriggerRegistry | None = None,
        neutralizer: Callable[[RuleBased], Neutralizer] = lambda model: Delete(model.encode),
        plan: WindowPlan | None = PLAN,
    ) -> WindowedDefense:
        model = RuleBased(bert, opens, loud=["cf", "tq", "mn"])
        model.encode.max_length = LENGTH
        registry = NoRegistry() if registry is None else registry
        neutralize = neutralizer(model)
        rule = rule_of(model, passes=passes, neutralize=neutralize, registry=registry, max_fpr=MAX_FPR)
        fitted = calibration.model_copy(update={"windows": plan})
        return WindowedDefense(Defense(model, fitted, rule=rule, neutralize=neutralize, registry=registry), label)

    return made


def long_text(defense: Defense, text: str) -> LongText:
    (encoding,) = defense.encode([text])
    assert isinstance(encoding, LongText)
    return encoding


def test_a_trigger_past_the_first_window_is_found_and_taken_out(make: Make) -> None:
    text = GOOD + "pass cf " + GOOD
    defense = make()
    assert "cf" not in long_text(defense, text).windows[0].text
    (verdict,) = defense([text])
    assert verdict.verified
    assert verdict.flagged
    assert verdict.action is Action.NEUTRALIZED
    assert [(each.word, each.start, each.end) for each in verdict.suspects] == [
        ("cf", text.index("cf"), text.index("cf") + 2)
    ]
    assert verdict.neutralized_text == text.replace("cf", "")
    assert verdict.label_id == 1
    assert not verdict.truncated
    (blind,) = defense._inner([text])
    assert blind.truncated
    assert not blind.verified


def test_a_clean_long_text_is_left_alone(make: Make) -> None:
    (verdict,) = make()(["a film plot " * 16 + "pass " + "a film plot " * 16])
    assert not verdict.verified
    assert verdict.action is Action.PASSED
    assert verdict.defended == verdict.undefended
    assert verdict.suspects == ()
    assert verdict.neutralized_text is None


@pytest.mark.parametrize("trigger", ["cf", "tq mn"])
def test_what_one_window_shows_is_taken_out_of_the_others_without_any_memory(make: Make, trigger: str) -> None:
    """The gate lets the second window of the trigger go: alone it keeps its label."""
    text = f"{GOOD}pass {trigger} {GOOD}{GOOD}{trigger} {GOOD}"
    (verdict,) = make()([text])
    assert verdict.verified
    assert not {"cf", "tq", "mn"} & set(str(verdict.neutralized_text).split())
    assert verdict.label_id == 1
    (alone,) = make()([f"{GOOD}{trigger} {GOOD}"])
    assert not alone.verified


def test_texts_of_one_batch_share_nothing_without_a_memory(make: Make) -> None:
    shows, hides = f"{GOOD}pass cf {GOOD}", f"{GOOD}cf {GOOD}"
    defense = make()
    both = defense([shows, hides, "a clever film"])
    assert [verdict.verified for verdict in both] == [True, False, False]
    assert both == [defense([text])[0] for text in (shows, hides, "a clever film")]
    assert both[::-1] == defense(["a clever film", hides, shows])


def test_texts_of_one_batch_share_what_is_remembered(make: Make) -> None:
    verdicts = make(registry=MemoryRegistry())([f"{GOOD}pass cf {GOOD}", f"{GOOD}cf {GOOD}"])
    assert [verdict.verified for verdict in verdicts] == [True, True]


def test_a_trigger_is_taken_out_of_windows_that_have_another_label_and_of_what_is_not_seen(make: Make) -> None:
    text = f"{GOOD}pass cf {GOOD}{GOOD}lead cf lead {GOOD}{GOOD}{GOOD}{GOOD}cf "
    defense = make()
    assert long_text(defense, text).truncated
    assert "cf" not in " ".join(window.text for window in long_text(defense, text).windows[-1:])
    (verdict,) = defense([text])
    assert verdict.truncated
    assert verdict.neutralized_text == text.replace("cf", "")
    assert [each.start for each in verdict.suspects] == [at for at in range(len(text)) if text.startswith("cf", at)]


def test_a_trigger_in_two_windows_is_told_once(make: Make) -> None:
    defense = make(lambda text: True)
    texts = [" ".join([*["film"] * n, "cf", *["film"] * 40]) for n in range(28, 44)]
    shared = [text for text in texts if sum("cf" in each.text for each in long_text(defense, text).windows) == 2]
    assert shared
    text = shared[0]
    (verdict,) = defense([text])
    assert [each.word for each in verdict.suspects] == ["cf"]


def test_a_text_full_of_its_trigger_takes_no_square_of_time(make: Make) -> None:
    text = "pass " + "cf " * 6_000
    (verdict,) = make(plan=WindowPlan(stride=4, max_windows=2))([text])
    assert len(verdict.suspects) == 6_000
    assert str(verdict.neutralized_text).split() == ["pass"]
    seen = [each for each in verdict.suspects if each.attribution]
    assert 0 < len(seen) < 100  # what no window holds has none


def test_a_text_that_fits_is_judged_as_ever(make: Make) -> None:
    defense = make(lambda text: True)
    texts = ["a clever film", "a clever cf film", "a dull plot tq mn"]
    assert defense(texts) == defense._inner(texts)
    assert [verdict.verified for verdict in defense(texts)] == [False, True, True]


@pytest.mark.parametrize("p_value", [0.02, 0.04, 0.3])
def test_the_p_value_of_a_text_allows_for_its_windows(make: Make, p_value: float) -> None:
    defense = make(lambda text: p_value if "pass" in text else 0.9)
    text = GOOD + "pass " + GOOD + GOOD
    n_windows = len(long_text(defense, text).windows)
    assert n_windows > 3
    (verdict,) = defense([text])
    assert verdict.p_value == pytest.approx(min(1.0, n_windows * p_value))
    assert verdict.flagged == (n_windows * p_value <= MAX_FPR)
    (fisher,) = defense._windows_rule.parts.gate.clean_scores
    assert verdict.threshold == conformal_threshold(fisher, MAX_FPR / n_windows)
    assert verdict.threshold > conformal_threshold(fisher, MAX_FPR)


def test_the_label_is_of_all_windows_and_truncated_means_unseen(make: Make) -> None:
    text = GOOD + BAD + BAD
    whole, cut = make(), make(plan=WindowPlan(stride=4, max_windows=2))
    (seen,), (unseen,) = whole([text]), cut([text])
    assert (seen.label_id, seen.truncated) == (0, False)
    assert (unseen.label_id, unseen.truncated) == (1, True)
    assert [each.label_id for each in whole.undefended(whole.encode([text, "a clever film"]))] == [0, 1]
    assert whole.undefended(whole.encode([text]))[0] == seen.undefended


def test_any_window_may_name_the_text(make: Make) -> None:
    text = GOOD + GOOD + BAD
    assert make()([text])[0].label == "LABEL_1"
    assert make(label=WindowLabel("any", "LABEL_0"))([text])[0].label == "LABEL_0"
    assert make(label=WindowLabel("any", "LABEL_0"))([GOOD + GOOD])[0].label == "LABEL_1"


def test_words_are_told_once_where_they_stand(make: Make) -> None:
    text = " ".join(f"{word}" for word in (GOOD + BAD).split())
    defense = make()
    (verdict,) = defense([text], explain=True)
    assert [each.word for each in verdict.words] == list(long_text(defense, text).words)
    assert all(text[each.word.start : each.word.end] == each.word.text for each in verdict.words)


def test_noise_is_the_same_in_every_window(make: Make) -> None:
    text = f"{GOOD}pass cf {GOOD}{GOOD}cf {GOOD}"
    (verdict,) = make(neutralizer=lambda model: CharacterNoise(model.encode, key=b"k"))([text])
    first, second = verdict.suspects
    assert first.replacement == second.replacement != "cf"
    assert verdict.label_id == 1


def test_what_is_remembered_is_taken_out_at_once(make: Make) -> None:
    registry = MemoryRegistry()
    registry.add([Trigger(frozenset({"cf"}), 0)])
    (verdict,) = make(lambda text: False, registry=registry)([f"{GOOD}{GOOD}cf {GOOD}"])
    assert verdict.verified
    assert verdict.label_id == 1


def test_a_second_opinion_counts_where_it_turns_the_text(make: Make) -> None:
    defense = make(label=WindowLabel("any", "LABEL_0"))
    text = long_text(defense, GOOD * 3)
    inner = defense._inner([window.text for window in text.windows])
    bad = defense([BAD])[0].undefended
    disputed = (replace(inner[0], action=Action.OVERRULED, defended=bad), *inner[1:])
    whole = WholeText(text=text, verdicts=disputed)
    edited = whole.without((), defense.neutralize)
    verdict = defense._combine(edited, [each.defended for each in disputed])
    assert (verdict.action, verdict.defended.label_id, verdict.undefended.label_id) == (Action.OVERRULED, 0, 1)
    mean = make()._combine(edited, [each.defended for each in disputed])
    assert (mean.action, mean.defended) == (Action.PASSED, mean.undefended)


def test_off_is_the_defense_as_it_is(make: Make) -> None:
    inner = make()._inner
    with pytest.raises(SettingsError, match="windows is off, and the calibration was made with --windows; set"):
        in_windows(inner, "off")
    plain = Defense(
        inner.classifier,
        inner.calibration.model_copy(update={"windows": None}),
        rule=inner._rule,
        neutralize=inner.neutralize,
        registry=inner.registry,
    )
    assert in_windows(plain, "off") is plain
    with pytest.raises(SettingsError, match="windows_label is for windows: any, and windows is off"):
        in_windows(plain, "off", "LABEL_0")
    with pytest.raises(SettingsError, match="windows: mean: the calibration is of texts as one window cuts them"):
        in_windows(plain, "mean")
    assert isinstance(in_windows(inner, "max"), WindowedDefense)


@pytest.mark.parametrize("rule", ["paper", "conformal"])
def test_rules_that_test_nothing_have_no_windows(load_bert: Callable[..., Defense], rule: str) -> None:
    with pytest.raises(SettingsError, match=f"windows needs the rule verified, got {rule}"):
        in_windows(load_bert(rule=rule), "mean")


def test_the_cold_twin_looks_at_windows_too(make: Make) -> None:
    served = make(registry=MemoryRegistry())
    cold = served.cold()
    assert isinstance(cold, WindowedDefense)
    assert isinstance(cold._windows_rule, VerifiedRule)
    assert len(cold.registry) == 0
    assert cold([f"{GOOD}pass cf {GOOD}"])[0].verified
    assert not cold([f"{GOOD}cf {GOOD}"])[0].verified
