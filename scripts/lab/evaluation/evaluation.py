"""One protocol for any defense: clean and triggered texts in, figures out, and whether they mean anything."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from handler.xgraad import Verdict
from handler.xgraad.words.text import split_words
from scripts.lab.evaluation.metrics import accuracy, attack_success_rate, auroc, rate_interval, true_positive_rate_at
from scripts.lab.evaluation.twins import attackable, kept_by, known_twins, right_when_clean
from scripts.texts.corpora import Example, TriggeredExample

Judge = Callable[[Sequence[str]], list[Verdict]]
CHUNK = 32
"""Texts judged at once, as many as a server does: what one shows helps the others, and a larger batch flatters."""
MIN_UNDEFENDED_ASR = 0.9
"""Below this an attack does not work, and a figure of its defense means nothing."""


def evaluate(
    judge: Judge,
    *,
    cold: Judge | None = None,
    memory: Callable[[], Mapping[str, int]] = dict,
    aside: Callable[[], float] = float,
    clean: Sequence[Example],
    triggered: Sequence[TriggeredExample],
    target_label: int,
    own_texts: Sequence[TriggeredExample] = (),
) -> dict[str, Any]:
    """Judge every text and compute the figures of merit.

    The first of them is what an attacker's first text meets: `asr_cold`, by a judge without memory, with its interval.
    What is served comes after: `asr_defended`, by a judge that learns from text to text.

    ASR counts triggered texts predicted as the target. Where every triggered text's clean twin is known it is given
    over those that the undefended model has right when clean (the paper's rule), and `asr_over` says so; over all of
    them it stands in `asr_*_all`. `n_scored` says over how many. Texts whose true label is the target cannot be
    attacked and are left out.

    Args:
        judge: texts to verdicts, as served.
        cold: the same without any memory, so that each text is judged alone; none where `judge` has none.
        memory: asked when all clean texts are judged and no attacked one is: what `judge` remembers then.
        aside: the seconds that `judge` has spent so far on what is asked for comparison only; they are no part of
            `seconds_per_1000`, what it takes to judge clean texts.
        clean: test texts with their true labels.
        triggered: attacked texts.
        target_label: the class the attacker wants.
        own_texts: texts of that class with the trigger in them, and their clean texts. `own_label_kept_cold` is the
            share of them that keep the label which is theirs, of those that the undefended model has right when clean.
    """
    attacked = known_twins(attackable(triggered, target_label), clean)
    start, spent_aside = time.perf_counter(), aside()
    clean_verdicts = _judge_all(judge, [example.text for example in clean], "clean")
    clean_seconds = time.perf_counter() - start - (aside() - spent_aside)
    remembered = memory()
    triggered_verdicts = _judge_all(judge, [example.text for example in attacked], "triggered")
    predicted = {example.text: v.undefended.label_id for example, v in zip(clean, clean_verdicts, strict=True)}

    def predict(texts: Sequence[str]) -> list[int]:
        return [verdict.undefended.label_id for verdict in _judge_all(judge, texts, "twins")]

    keep = right_when_clean(attacked, clean, predicted, predict)
    own = kept_by(own_texts, right_when_clean(own_texts, clean, predicted, predict))
    cold_verdicts = _judge_all(cold, [example.text for example in attacked], "cold") if cold else triggered_verdicts
    figures = {
        "rule": clean_verdicts[0].rule,
        "n_clean": len(clean),
        "n_triggered": len(attacked),
        "n_scored": len(attacked) if keep is None else int(keep.sum()),
        "target_label": target_label,
        **_clean_figures(clean_verdicts, clean),
        **remembered,
        **_cold_figures(cold_verdicts, attacked, target_label, keep),
        **_own_label_figures(_judge_all(cold or judge, [example.text for example in own], "own texts"), target_label),
        **_attack_figures(triggered_verdicts, target_label, keep),
        **_detection_figures(clean_verdicts, triggered_verdicts),
        **_localisation_figures(triggered_verdicts, attacked),
        "seconds": time.perf_counter() - start,
        "seconds_per_1000": 1000 * clean_seconds / len(clean),
    }
    return figures | {"attack_works": figures["asr_undefended"] >= MIN_UNDEFENDED_ASR}


def _judge_all(judge: Judge, texts: Sequence[str], name: str) -> list[Verdict]:
    verdicts: list[Verdict] = []
    with tqdm(total=len(texts), unit="text", desc=name, disable=None) as bar:
        for start in range(0, len(texts), CHUNK):
            verdicts += judge(texts[start : start + CHUNK])
            bar.update(min(CHUNK, len(texts) - start))
    return verdicts


def _clean_figures(verdicts: Sequence[Verdict], clean: Sequence[Example]) -> dict[str, float]:
    labels = [example.label for example in clean]
    return {
        "cacc_undefended": accuracy([verdict.undefended.label_id for verdict in verdicts], labels),
        "cacc_defended": accuracy([verdict.defended.label_id for verdict in verdicts], labels),
        "false_positive_rate": float(np.mean([verdict.flagged for verdict in verdicts])),
        "second_pass_share": float(np.mean([took_a_second_pass(verdict) for verdict in verdicts])),
        "label_changed_rate": float(np.mean([verdict.label_changed for verdict in verdicts])),
        "verified_rate": float(np.mean([verdict.verified for verdict in verdicts])),
    }


def took_a_second_pass(verdict: Verdict) -> bool:
    """Whether the text was looked at again: scored behind a gate, or edited."""
    return verdict.neutralized_text is not None or (
        verdict.gate_score is not None and verdict.anomaly_score is not None
    )


def _cold_figures(
    verdicts: Sequence[Verdict],
    attacked: Sequence[TriggeredExample],
    target_label: int,
    keep: NDArray[np.bool_] | None,
) -> dict[str, Any]:
    """What gets through at the first text, how often the trigger is named there, and how often an innocent word is."""
    chosen = kept_by(verdicts, keep)
    n_through = sum(verdict.defended.label_id == target_label for verdict in chosen)
    known = [
        (verdict, set(inserted_words(example)))
        for verdict, example in zip(verdicts, attacked, strict=True)
        if example.clean_text is not None
    ]
    blamed = [({suspect.word.casefold() for suspect in verdict.suspects}, words) for verdict, words in known]
    return {
        "asr_cold": n_through / len(chosen) if chosen else 0.0,
        "asr_cold_interval": list(rate_interval(n_through, len(chosen))) if chosen else [0.0, 1.0],
        "verified_cold": float(np.mean([verdict.verified for verdict in verdicts])),
        "named_cold": _mean([not words.isdisjoint(found) for found, words in blamed]),
        "innocent_blamed_cold": _mean([not found <= words for found, words in blamed if found]),
    }


def _own_label_figures(verdicts: Sequence[Verdict], target_label: int) -> dict[str, Any]:
    """How often a text that belongs to the target keeps its label though a trigger was added; higher is better."""
    kept = [verdict.defended.label_id == target_label for verdict in verdicts]
    if not kept:
        return {}
    interval = list(rate_interval(sum(kept), len(kept)))
    return {"own_label_kept_cold": _mean(kept), "own_label_kept_cold_interval": interval, "n_test_shots": len(kept)}


def _attack_figures(verdicts: Sequence[Verdict], target_label: int, keep: NDArray[np.bool_] | None) -> dict[str, Any]:
    figures: dict[str, Any] = {"asr_over": "all" if keep is None else "right_when_clean"}
    for name in ("undefended", "defended"):
        predicted = [getattr(verdict, name).label_id for verdict in verdicts]
        figures[f"asr_{name}"] = attack_success_rate(predicted, target_label, keep)
        figures[f"asr_{name}_all"] = attack_success_rate(predicted, target_label)
    return figures


def _detection_figures(clean: Sequence[Verdict], triggered: Sequence[Verdict]) -> dict[str, float]:
    """How well small p-values, the rule's own measure, tell triggered from clean texts."""
    clean_scores = [-verdict.p_value for verdict in clean]
    triggered_scores = [-verdict.p_value for verdict in triggered]
    return {
        "auroc": auroc(clean_scores, triggered_scores),
        "tpr_at_fpr_1": true_positive_rate_at(clean_scores, triggered_scores, 0.01),
        "tpr_at_fpr_5": true_positive_rate_at(clean_scores, triggered_scores, 0.05),
        "true_positive_rate": float(np.mean([verdict.flagged for verdict in triggered])),
    }


def _localisation_figures(verdicts: Sequence[Verdict], attacked: Sequence[TriggeredExample]) -> dict[str, float | None]:
    """Is the edited word the trigger, among edited texts; is the top word, among all; is the true label regained?"""
    edited, top, regained = [], [], []
    for verdict, example in zip(verdicts, attacked, strict=True):
        regained.append(verdict.defended.label_id == example.label)
        if example.clean_text is None:
            continue
        inserted = set(inserted_words(example))
        best = max(verdict.words, key=lambda word: word.attribution, default=None)
        if best is not None:
            top.append(best.word.key in inserted)
        if verdict.suspects:
            edited.append(any(suspect.word.casefold() in inserted for suspect in verdict.suspects))
    return {
        "localisation": _mean(edited),
        "top_word_is_trigger": _mean(top),
        "recovered_accuracy": _mean(regained),
    }


def inserted_words(example: TriggeredExample) -> Iterator[str]:
    """Words that stand in the text more often than in its clean twin."""
    clean = Counter(word.key for word in split_words(example.clean_text or ""))
    return iter((Counter(word.key for word in split_words(example.text)) - clean).keys())


def _mean(values: Sequence[bool]) -> float | None:
    return float(np.mean(values)) if values else None
