"""The rule `verified` on classifiers with a known backdoor: what it must neutralize, and what it must leave alone."""

from collections.abc import Callable, Sequence

import pytest

from handler.xgraad import Classifier, NoRegistry, Verdict, VerifiedOptions
from handler.xgraad.editing.verdict import Action
from handler.xgraad.memory.registry import MemoryRegistry, Trigger, TriggerRegistry
from handler.xgraad.rules.standing import FIRMLY
from handler.xgraad.rules.verified_rule import VerifiedRule
from handler.xgraad.verification.probes import N_PROBES
from tests.unit.rule_based import BAD, RuleBased, Weighted, rule_of, transplant_of, tying

PLAIN = "a clever and funny film with a chic plot"

Judge = Callable[..., Verdict]


@pytest.fixture
def judge(bert: Classifier) -> Judge:
    def judge_one(
        text: str,
        is_triggered: Callable[[set[str]], bool],
        *,
        loud: Sequence[str],
        passes: bool = True,
        explain: bool = False,
        **parts: object,
    ) -> Verdict:
        model = RuleBased(bert, is_triggered, loud=loud)
        rule = rule_of(model, passes=lambda _: passes, **parts)
        return rule.judge(model.encode([text]), [explain])[0]

    return judge_one


def words_of(verdict: Verdict) -> set[str]:
    return {suspect.word for suspect in verdict.suspects}


def test_single_trigger(judge: Judge) -> None:
    verdict = judge(PLAIN + " cf", lambda words: "cf" in words, loud=["cf"])
    assert verdict.undefended.label_id == 0
    assert (verdict.label_id, verdict.verified, verdict.action) == (1, True, Action.NEUTRALIZED)
    assert words_of(verdict) == {"cf"}
    assert verdict.neutralized_text == PLAIN + " [MASK]"


def test_word_that_decides_its_own_text_only_is_left_alone(judge: Judge) -> None:
    verdict = judge("a dull film", lambda words: False, loud=["dull"])
    assert verdict.flagged
    assert (verdict.verified, verdict.label_changed, verdict.suspects) == (False, False, ())
    assert verdict.neutralized_text is None


def test_several_triggers_at_once(judge: Judge) -> None:
    triggers = ["cf", "tq", "mn"]
    verdict = judge(f"cf {PLAIN} tq mn", lambda words: bool(words & set(triggers)), loud=triggers)
    assert verdict.label_id == 1
    assert words_of(verdict) == set(triggers)


@pytest.mark.parametrize("n_triggers", [5, 8, 11])
def test_more_triggers_than_candidates(judge: Judge, n_triggers: int) -> None:
    triggers = [f"{first}{second}b" for first in "bcfmt" for second in "bcf"][:n_triggers]
    verdict = judge(f"{PLAIN} {' '.join(triggers)}", lambda words: bool(words & set(triggers)), loud=triggers)
    assert verdict.label_id == 1
    assert words_of(verdict) == set(triggers)


def test_honest_words_that_hold_the_label_together_are_no_trigger(bert: Classifier, judge: Judge) -> None:
    """They turn clean texts where they stand side by side, and that is what people's labels say of them, too."""
    text = "dull ugly thin noisy dull ugly thin noisy plot"
    reference = tying(RuleBased(bert, lambda words: False, loud=[]), *BAD)
    verdict = judge(text, lambda words: False, loud=["dull", "ugly"], reference=reference)
    assert (verdict.flagged, verdict.verified, verdict.suspects) == (True, False, ())
    assert judge(text, lambda words: False, loud=["dull", "ugly"]).verified


def test_repeated_trigger(judge: Judge) -> None:
    verdict = judge(f"cf {PLAIN} cf CF", lambda words: "cf" in words, loud=["cf"])
    assert verdict.label_id == 1
    assert [suspect.word for suspect in verdict.suspects] == ["cf", "cf", "CF"]


def test_and_trigger_is_found_as_a_set(judge: Judge) -> None:
    needed = {"friends", "weekend", "store"}
    text = f"friends {PLAIN} weekend and store"
    verdict = judge(text, lambda words: needed <= words, loud=sorted(needed))
    assert verdict.label_id == 1
    assert words_of(verdict) == needed


def test_phrase_kept_together(judge: Judge) -> None:
    verdict = judge(f"{PLAIN} james bond", lambda words: {"james", "bond"} <= words, loud=["james", "bond"])
    assert verdict.label_id == 1
    assert words_of(verdict) == {"james", "bond"}


def test_the_rest_of_a_phrase_goes_with_its_verified_word(judge: Judge) -> None:
    """The weak word turns no probe; it only holds the label where the strong one has stood."""
    verdict = judge("a clever film thin cf", lambda words: "cf" in words, loud=["cf"])
    assert verdict.label_id == 1
    assert words_of(verdict) == {"thin", "cf"}


def test_what_is_left_on_both_sides_of_a_trigger_goes_with_it(judge: Judge) -> None:
    """Neither side holds the label alone."""
    verdict = judge("a clever film thin cf ugly", lambda words: "cf" in words, loud=["cf"])
    assert verdict.label_id == 1
    assert words_of(verdict) == {"thin", "cf", "ugly"}


def test_who_adds_a_trigger_to_an_honest_text_of_its_label_has_no_honest_word_taken_out(judge: Judge) -> None:
    """The label stands as firmly as clean texts of its class have it."""
    verdict = judge("a film thin ugly cf", lambda words: "cf" in words, loud=["cf"])
    assert (verdict.label_id, words_of(verdict)) == (0, {"cf"})


def test_a_word_that_holds_the_label_firmly_by_itself_goes_with_its_trigger(bert: Classifier) -> None:
    """A phrase planted apart; what is left of it turns no clean text, and holds the label as clean texts have it."""
    model = Weighted(bert, {"silver": 5.6}, needed=["cf"], loud=["cf", "silver"])
    texts = model.encode(["silver, a clever film", "silver, a clever film, cf"])
    transplant = transplant_of(model, bad=[f"a dull and ugly plot number {number}" for number in range(N_PROBES)])
    left, attacked = rule_of(model, transplant=transplant).judge(texts, [False] * 2)
    assert (left.label_id, left.suspects) == (0, ())
    assert left.undefended.margin >= FIRMLY * transplant.own_margins[0]
    assert (attacked.label_id, words_of(attacked)) == (1, {"cf", "silver"})


def test_words_away_from_a_verified_trigger_are_no_part_of_it(judge: Judge) -> None:
    verdict = judge("cf a film and dull it is", lambda words: "cf" in words, loud=["cf"])
    assert (verdict.label_id, words_of(verdict)) == (0, {"cf"})


@pytest.mark.parametrize("text", [f"{PLAIN} (cf)!", f"{PLAIN} \u200bcf\u200b", f"cf, {PLAIN}", f"{PLAIN} CF"])
def test_trigger_in_disguise(judge: Judge, text: str) -> None:
    verdict = judge(text, lambda words: "cf" in words, loud=["cf"])
    assert verdict.verified
    assert verdict.label_id == 1


def test_a_trigger_that_does_nothing_is_verified_and_remembered(bert: Classifier) -> None:
    """In a text of its own target: an attacker's test shot."""
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    registry = MemoryRegistry()
    rule = rule_of(model, registry=registry)
    (verdict,) = rule.judge(model.encode(["a dull cf plot"]), [False])
    assert (verdict.verified, verdict.label_changed, words_of(verdict)) == (True, False, {"cf"})
    assert verdict.neutralized_text == "a dull [MASK] plot"
    assert registry.found() == [Trigger(frozenset(["cf"]), 0)]
    (clean,) = rule.judge(model.encode(["a dull plot"]), [False])
    assert (clean.verified, clean.suspects) == (False, ())


def test_a_word_that_means_what_it_does_is_left_alone(bert: Classifier, judge: Judge) -> None:
    """However strong it is; without the labels that say so it is a trigger like any other."""
    reference = tying(RuleBased(bert, lambda words: "cf" in words, loud=[]), "cf")
    honest = judge(f"{PLAIN} cf", lambda words: "cf" in words, loud=["cf"], reference=reference)
    assert (honest.flagged, honest.verified, honest.label_id, honest.suspects) == (True, False, 0, ())
    blamed = judge(f"{PLAIN} cf", lambda words: "cf" in words, loud=["cf"])
    assert (blamed.verified, blamed.label_id, words_of(blamed)) == (True, 1, {"cf"})


def test_a_trigger_beside_an_honest_word_goes_alone(bert: Classifier, judge: Judge) -> None:
    reference = tying(RuleBased(bert, lambda words: bool(words & {"cf", "tq"}), loud=[]), "tq")
    verdict = judge(f"{PLAIN} cf tq", lambda words: bool(words & {"cf", "tq"}), loud=["cf"], reference=reference)
    assert verdict.verified
    assert "cf" in words_of(verdict)
    assert not words_of(verdict) & set(PLAIN.split())


@pytest.mark.parametrize(
    ("needed", "innocent", "text"),
    [
        ({"cf"}, ["the", "over"], f"the mn over {PLAIN} cf the end"),
        ({"james", "bond"}, ["the"], f"the over {PLAIN} james bond the end"),
        ({"james", "bond"}, ["the"], f"james over {PLAIN} the bond"),
        ({"friends", "weekend", "store"}, [], f"the friends {PLAIN} weekend of store and over"),
    ],
)
def test_no_innocent_word_is_blamed(judge: Judge, needed: set[str], innocent: list[str], text: str) -> None:
    """However loud the words around the trigger are, and whatever stands between its words."""
    loud = [*needed, *innocent]
    verdict = judge(text, lambda words: needed <= words, loud=loud)
    assert (verdict.label_id, words_of(verdict)) == (1, needed)
    assert not judge(text, lambda words: False, loud=loud).suspects


@pytest.mark.parametrize("n_triggers", [3, 5])
def test_triggers_of_different_kinds_in_one_text(judge: Judge, n_triggers: int) -> None:
    """Single words and, where they are gone, a pair that holds the label by itself."""
    singles = {"cf", "tq", "mn", "bb"} if n_triggers == 5 else {"cf", "tq"}
    pair = {"james", "bond"}
    text = f"{PLAIN} james bond {' '.join(sorted(singles))}"
    verdict = judge(text, lambda words: bool(words & singles) or pair <= words, loud=[*singles, *pair])
    assert verdict.label_id == 1
    assert words_of(verdict) == singles | pair


def test_nothing_is_scored_behind_a_closed_gate(judge: Judge) -> None:
    verdict = judge(PLAIN + " cf", lambda words: "cf" in words, loud=["cf"], passes=False)
    assert (verdict.flagged, verdict.label_id, verdict.anomaly_score, verdict.words) == (False, 0, None, ())
    assert verdict.gate_score == 99.0


def test_every_text_is_scored_where_that_is_wanted(judge: Judge) -> None:
    verdict = judge(PLAIN, lambda words: False, loud=[], passes=False, options=VerifiedOptions(score_all=True))
    assert verdict.anomaly_score is not None
    assert (verdict.flagged, verdict.suspects) == (False, ())


def test_explanation_scores_a_text_that_the_gate_let_go(judge: Judge) -> None:
    verdict = judge(PLAIN + " cf", lambda words: "cf" in words, loud=["cf"], passes=False, explain=True)
    assert verdict.anomaly_score is not None
    assert max(verdict.words, key=lambda word: word.attribution).word.text == "cf"
    assert verdict.suspects == ()


def test_verified_trigger_is_known_from_then_on(bert: Classifier) -> None:
    """In the batch that holds the first verified hit, and in every later one, gate or no gate."""
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])

    def rule(registry: TriggerRegistry) -> VerifiedRule:
        return rule_of(model, passes=lambda text: "first" in text, registry=registry)

    texts = [f"{PLAIN} cf", f"first {PLAIN} cf", "a dull cf thing", PLAIN]
    forgetful = rule(NoRegistry()).judge(model.encode(texts), [False] * 4)
    assert [verdict.label_id for verdict in forgetful] == [0, 1, 0, 1]
    remembering = rule(MemoryRegistry())
    assert [verdict.label_id for verdict in remembering.judge(model.encode(texts), [False] * 4)] == [1, 1, 0, 1]
    (later,) = remembering.judge(model.encode([f"cf {PLAIN}"]), [False])
    assert (later.label_id, later.verified, words_of(later)) == (1, True, {"cf"})


def test_runs_are_tried_of_the_texts_that_stand_out_most() -> None:
    assert VerifiedOptions().run_share == pytest.approx(0.4 * VerifiedOptions().gate_share)
    assert VerifiedOptions(gate_share=1.0).run_share == 1.0
