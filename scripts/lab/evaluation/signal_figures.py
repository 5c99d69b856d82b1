"""The numbers behind the paper's Figures 2 to 5, from the signals of clean and attacked texts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handler.xgraad import Calibration, Classifier
from handler.xgraad.editing.neutralizer import Neutralizer
from scripts.lab.evaluation.metrics import accuracy, attack_success_rate
from scripts.lab.evaluation.signals import (
    CHANNELS,
    SignalAnswers,
    Signals,
    Values,
    answers,
    predict_texts,
    read_signals,
    tops,
)
from scripts.lab.evaluation.twins import right_when_clean
from scripts.texts.corpora import Example, TriggeredExample

PERCENTILES = tuple(range(45, 100))
"""Of the sweep; the paper's own runs from 45 to 95 and further."""
ABLATION_PERCENTILE = 95.0
MIN_EXAMPLE_WORDS = 8
"""Shorter texts show little of a context."""
MIN_COUNT = 3
N_TOKENS = 15
DIGITS = 4


class Truth(NamedTuple):
    """What predictions are held against."""

    labels: Sequence[int]
    """True labels of the clean texts."""
    target_label: int
    keep: NDArray[np.bool_] | None
    """`[attacked texts]`, those right when clean; None for all."""


def measure_figures(
    classifier: Classifier,
    neutralize: Neutralizer,
    *,
    calibration: Calibration,
    dev: Sequence[str],
    clean: Sequence[Example],
    attacked: Sequence[TriggeredExample],
    target_label: int,
) -> dict[str, Any]:
    """Everything Figures 2 to 5 need of one victim, ready for JSON. Each text is scored once.

    Args:
        classifier: the victim.
        neutralize: what happens to a top word.
        calibration: its anomaly scores are what the sweep takes percentiles of.
        dev: clean texts, none of them from the test set, for the thresholds of the single channels.
        clean: test texts with their true labels.
        attacked: texts with a trigger.
        target_label: the class the attacker wants.
    """
    of_clean = read_signals(classifier, [row.text for row in clean], name="clean")
    of_attacked = read_signals(classifier, [row.text for row in attacked], name="attacked")
    of_dev = read_signals(classifier, dev, name="dev")
    predicted = {row.text: each.label_id for row, each in zip(clean, of_clean, strict=True)}
    keep = right_when_clean(attacked, clean, predicted, partial(predict_texts, classifier))
    truth = Truth([row.label for row in clean], target_label, keep)
    clean_answers = answers(classifier, neutralize, of_clean)
    attacked_answers = answers(classifier, neutralize, of_attacked)
    product = (clean_answers["product"], attacked_answers["product"])
    return {
        "n_clean": len(clean),
        "n_triggered": len(attacked),
        "asr_over": "all" if keep is None else "right_when_clean",
        "calibration": {
            "n_texts": calibration.n_texts,
            "percentile": calibration.paper.percentile,
            "threshold": round(calibration.paper.threshold, DIGITS),
        },
        "signals": {"clean": score_lists(of_clean), "triggered": score_lists(of_attacked)},
        "undefended": undefended_figures(*product, truth),
        "sweep": threshold_sweep(*product, calibration.paper.scores, truth),
        "ablation": ablation(
            clean_answers, attacked_answers, {channel: tops(of_dev, channel) for channel in CHANNELS}, truth
        ),
        "example": example(of_attacked, calibration.paper.threshold),
        "mean_attributions": mean_attributions(of_attacked),
    }


def score_lists(signals: Sequence[Signals]) -> dict[str, list[float]]:
    """The largest score of each text in each channel, rounded (Fig. 2); `anomaly` is the product's."""
    names = {"product": "anomaly"}
    return {names.get(channel, channel): np.round(tops(signals, channel), DIGITS).tolist() for channel in CHANNELS}


def threshold_sweep(
    clean: SignalAnswers, triggered: SignalAnswers, scores: Sequence[float], truth: Truth
) -> list[dict[str, float]]:
    """The rule at every percentile of the calibration's clean scores (Fig. 3).

    Args:
        clean: what the product makes of clean test texts.
        triggered: the same of attacked ones.
        scores: anomaly scores of calibration texts, none of them from the test set.
        truth: what to hold the answers against.
    """
    return [rates_at(float(percentile), clean, triggered, scores, truth) for percentile in PERCENTILES]


def ablation(
    clean: Mapping[str, SignalAnswers],
    triggered: Mapping[str, SignalAnswers],
    scores: Mapping[str, Values],
    truth: Truth,
) -> dict[str, dict[str, float]]:
    """The rule with one channel alone and with the product, each at its own percentile 95 (Fig. 4)."""
    return {
        channel: rates_at(ABLATION_PERCENTILE, clean[channel], triggered[channel], scores[channel].tolist(), truth)
        for channel in CHANNELS
    }


def rates_at(
    percentile: float, clean: SignalAnswers, triggered: SignalAnswers, scores: Sequence[float], truth: Truth
) -> dict[str, float]:
    """Threshold, ASR (lower = better defended) and CACC (higher = better), both in [0, 1], at one percentile."""
    threshold = float(np.percentile(scores, percentile))
    return {
        "percentile": percentile,
        "threshold": round(threshold, DIGITS),
        "asr": attack_success_rate(triggered.at(threshold), truth.target_label, truth.keep),
        "cacc": accuracy(clean.at(threshold), truth.labels),
    }


def undefended_figures(clean: SignalAnswers, triggered: SignalAnswers, truth: Truth) -> dict[str, float]:
    """ASR and CACC of the plain model."""
    return {
        "asr": attack_success_rate(triggered.plain, truth.target_label, truth.keep),
        "cacc": accuracy(clean.plain, truth.labels),
    }


def example(triggered: Sequence[Signals], threshold: float) -> dict[str, Any]:
    """Words and attributions of one attacked text (Fig. 5a): the first that is flagged and of at least 8 words.

    Where there is none, the first of at least 8 words; where there is none either, the first.
    """
    long = [each for each in triggered if len(set(each.words)) >= MIN_EXAMPLE_WORDS]
    flagged = [each for each in long if each.top("product") > threshold]
    chosen = (flagged or long or triggered)[0]
    return {
        "text": chosen.encoding.text,
        "flagged": chosen.top("product") > threshold,
        "words": [[word.text, round(value, DIGITS)] for word, value in chosen.attributions()],
    }


def mean_attributions(triggered: Sequence[Signals]) -> list[dict[str, Any]]:
    """The words with the largest mean attribution over the attacked texts, those seen three times or more (Fig. 5b)."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for each in triggered:
        for word, value in each.attributions():
            found[word.key].append(value)
    means = [(float(np.mean(values)), word, len(values)) for word, values in found.items() if len(values) >= MIN_COUNT]
    ranked = sorted(means, key=lambda row: (-row[0], row[1]))[:N_TOKENS]
    return [{"word": word, "mean": round(mean, DIGITS), "n": n} for mean, word, n in ranked]
