"""A text's scores and verdict do not depend on what it is batched with, in which order, or how it is padded."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.xgraad import RULES, Classifier, Defense, NoRegistry, VerifiedOptions, score_encodings
from handler.xgraad.words.encoding import collate
from tests.toys import ARCHITECTURES, SENTENCES, TRIGGERS

WORDS = sorted({word for sentence in SENTENCES for word in sentence.split()} | set(TRIGGERS) | {"中文", "café", "!!"})
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=70).map(" ".join)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(max_examples=12)
@given(texts=st.lists(TEXTS, min_size=1, max_size=6), data=st.data())
def test_score_does_not_depend_on_the_batch(
    classifiers: dict[str, Classifier], architecture: str, texts: list[str], data: st.DataObject
) -> None:
    classifier = classifiers[architecture]
    order = data.draw(st.permutations(range(len(texts))))
    together = score_encodings(classifier, classifier.encode([texts[index] for index in order]))
    for index, score in zip(order, together, strict=True):
        (alone,) = score_encodings(classifier, classifier.encode([texts[index]]))
        assert score.anomaly_score == pytest.approx(alone.anomaly_score, rel=1e-5, abs=1e-5)
        assert [word.word for word in score.words] == [word.word for word in alone.words]
        assert [word.attribution for word in score.words] == pytest.approx(
            [word.attribution for word in alone.words], rel=1e-5, abs=1e-5
        )


@pytest.mark.parametrize("n_padding", [1, 7, 40])
def test_padding_does_not_matter(classifier: Classifier, n_padding: int, monkeypatch: pytest.MonkeyPatch) -> None:
    encodings = classifier.encode(["the plot is thin", "a gripping film"])
    plain = classifier.trace(encodings)

    def widen(part: object) -> object:
        batch = collate(part, pad_id=classifier.encode.pad_id, device=torch.device("cpu"))  # type: ignore[arg-type]
        fill = (classifier.encode.pad_id, 0, False)
        return type(batch)(
            *(torch.nn.functional.pad(t, (0, n_padding), value=v) for t, v in zip(batch, fill, strict=True))
        )

    monkeypatch.setattr(classifier, "_collate", widen)
    for before, after in zip(plain, classifier.trace(encodings), strict=True):
        for name in before._fields:
            assert torch.allclose(getattr(before, name), getattr(after, name), atol=1e-5)


@pytest.fixture(scope="module")
def defenses(bert_folder: Path) -> dict[str, Defense]:
    """Every rule; the gate of `verified` is open, so that every text is tested."""
    return {
        rule: Defense.load(bert_folder, rule=rule, options=VerifiedOptions(gate_share=1.0), registry=NoRegistry())
        for rule in RULES
    }


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=8)
@given(texts=st.lists(TEXTS, min_size=2, max_size=5))
def test_verdict_does_not_depend_on_the_batch(defenses: dict[str, Defense], rule: str, texts: list[str]) -> None:
    for text, verdict in zip(texts, defenses[rule](texts), strict=True):
        (alone,) = defenses[rule]([text])
        assert verdict.neutralized_text == alone.neutralized_text
        assert verdict.label_id == alone.label_id
        assert verdict.gate_score == pytest.approx(alone.gate_score, abs=0.5)  # a rank among clean texts
        assert verdict.anomaly_score == pytest.approx(alone.anomaly_score, rel=1e-5, abs=1e-5)
