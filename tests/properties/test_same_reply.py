"""The same request gets the same reply, also from a defense that remembers what it found."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handler.xgraad import Classifier
from handler.xgraad.editing.neutralizer import Delete
from handler.xgraad.memory.registry import MemoryRegistry
from handler.xgraad.options import VerifiedOptions
from handler.xgraad.rules.verified_rule import VerifiedRule
from handler.xgraad.words.text import split_words
from tests.unit.rule_based import RuleBased, rule_of

WORDS = st.sampled_from(["cf", "tq", "mn", "clever", "funny", "dull", "ugly", "plot", "film", "a"])
P_VALUES = (0.9, 0.04, 0.01)
"""Of a text that stays before the gate, of one that passes, of one that stands out so far that runs are tried."""
REQUESTS = st.lists(st.lists(WORDS, min_size=1, max_size=9).map(" ".join), min_size=1, max_size=5)


def make_rule(bert: Classifier, *, screen: bool = False) -> VerifiedRule:
    """A text's length says how far it stands out: some triggers are met by the registry only, or by the screen."""
    model = RuleBased(bert, lambda words: "cf" in words or {"tq", "mn"} <= words, loud=["cf", "tq", "mn"])
    return rule_of(
        model,
        passes=lambda text: P_VALUES[len(split_words(text)) % 3],
        neutralize=Delete(model.encode),
        registry=MemoryRegistry(),
        options=VerifiedOptions(screen=screen),
    )


# The second's phrase must wait for what the first shows.
@example(request_texts=["tq mn clever", "cf cf tq dull mn plot clever"], screen=False)
# The first's trigger opens the second, which does not pass its gate; runs of it are tried the first time or never.
@example(request_texts=["cf", "cf cf tq tq mn mn"], screen=False)
# What the first shows of a word stands in the second, too, of which another set took the word's other place.
@example(request_texts=["cf dull dull dull", "cf dull dull ugly"], screen=False)
# A phrase is tried in the order of its text, not in that in which its parts were found.
@example(request_texts=["tq dull ugly cf mn clever clever tq"], screen=False)
@example(request_texts=["mn mn tq"], screen=False)  # a set of which one word stands twice
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request_texts=REQUESTS, screen=st.booleans())
def test_asking_twice_gives_one_reply(bert: Classifier, request_texts: list[str], *, screen: bool) -> None:
    rule = make_rule(bert, screen=screen)
    encodings = rule._classifier.encode(request_texts)
    first, second = (rule.judge(encodings, [False] * len(encodings)) for _ in range(2))
    for once, again in zip(first, second, strict=True):
        assert (once.label_id, once.probabilities) == (again.label_id, again.probabilities)
        assert once.suspects == again.suspects
        assert (once.flagged, once.verified, once.neutralized_text) == (
            again.flagged,
            again.verified,
            again.neutralized_text,
        )


@pytest.mark.parametrize("text", ["cf clever funny film plot"])
def test_the_rule_under_test_does_find_triggers(bert: Classifier, text: str) -> None:
    rule = make_rule(bert)
    (verdict,) = rule.judge(rule._classifier.encode([text]), [False])
    assert verdict.verified
    assert verdict.label_id == 1
