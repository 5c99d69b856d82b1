"""Long texts by all their windows: a trigger anywhere is found, taken out of all of them, and the label is of them all."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from handler.xgraad import Action, Calibration, Classifier, Defense, Verdict
from handler.xgraad.editing.neutralizer import CharacterNoise, Delete, Neutralizer
from handler.xgraad.errors import SettingsError
from handler.xgraad.memory.registry import MemoryRegistry, NoRegistry
from handler.xgraad.rules.window_label import WindowLabel
from handler.xgraad.scoring.conformal import conformal_threshold
from handler.xgraad.windowed_defense import WindowedDefense
from handler.xgraad.words.long_text import LongText
from handler.xgraad.words.windows import WindowPlan
from tests.unit.rule_based import RuleBased, rule_of

LENGTH = 18
PLAN = WindowPlan(stride=4, max_windows=6)
GOOD = "a clever film " * 16
MEAN = WindowLabel("mean")

Make = Callable[..., WindowedDefense]


@pytest.fixture(scope="module")
def calibration(bert_folder: Path) -> Calibration:
    return Calibration.read(bert_folder / "calibration.json").model_copy(update={"windows": PLAN})


@pytest.fixture(scope="module")
def make(bert: Classifier, calibration: Calibration) -> Make:
    """A defense whose backdoor is known: "cf", or "tq" with "mn"; a text that holds "pass" goes through its gate."""

    def made(
        passes: Callable[[str], bool | float] = lambda text: "pass" in text,
        *,
        label: WindowLabel = MEAN,
        registry: MemoryRegistry | NoRegistry | None = None,
        neutralizer: Callable[[Classifier], Neutralizer] = lambda model: Delete(model.encode),
        plan: WindowPlan = PLAN,
    ) -> WindowedDefense:
        model = RuleBased(bert, lambda words: "cf" in words or {"tq", "mn"} <= words, loud=["cf", "tq", "mn"])
        model.encode.max_length = LENGTH
        registry = NoRegistry() if registry is None else registry
        neutralize = neutralizer(model)
        rule = rule_of(model, passes=passes, neutralize=neutralize, registry=registry)
        fitted = calibration.model_copy(update={"windows": plan})
        inner = Defense(model, fitted, rule=rule, neutralize=neutralize, registry=registry)
        return WindowedDefense(inner, label)

    return made


def judged(defense: Defense, *texts: str) -> list[Verdict]:
    return defense(list(texts))


def test_a_trigger_past_the_first_window_is_found_and_taken_out(make: Make) -> None:
    text = GOOD + "pass cf " + GOOD[:-1]
    defense = make()
    (encoding,) = defense.encode([text])
    assert isinstance(encoding, LongText)
    assert "cf" not in encoding.windows[0].text
    (verdict,) = judged(defense, text)
    assert verdict.verified
    assert verdict.flagged
    assert verdict.action is Action.NEUTRALIZED
    assert [(each.word, each.start) for each in verdict.suspects] == [("cf", text.index("cf"))]
    assert verdict.neutralized_text == text.replace("cf", "")
    assert verdict.defended.label == "LABEL_1"
    # The opposite: the defense without windows does not see it.
    (blind,) = judged(defense._inner, text)
    assert blind.truncated
    assert not blind.verified
