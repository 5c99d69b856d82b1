"""Attacked texts and the clean ones that they were made of: which may be attacked, and which the model has right."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scripts.texts.corpora import Example, TriggeredExample

T = TypeVar("T")


def attackable(triggered: Sequence[TriggeredExample], target_label: int) -> list[TriggeredExample]:
    """The rows an attack can win: those of another class, or all where every row carries the attacker's label."""
    others = [example for example in triggered if example.label != target_label]
    return others or list(triggered)


def known_twins(triggered: Sequence[TriggeredExample], clean: Sequence[Example]) -> list[TriggeredExample]:
    """Fill in missing clean texts, where every row is a clean text with words inserted, in the clean file's order."""
    if all(example.clean_text is not None for example in triggered):
        return list(triggered)
    found: list[TriggeredExample] = []
    candidates = iter(clean)
    for example in triggered:
        words = example.text.split()
        twin = next((row.text for row in candidates if _is_subsequence(row.text.split(), words)), None)
        if twin is None:
            return list(triggered)
        found.append(example._replace(clean_text=twin))
    return found


def _is_subsequence(part: Sequence[str], whole: Sequence[str]) -> bool:
    rest = iter(whole)
    return all(word in rest for word in part)


def right_when_clean(
    attacked: Sequence[TriggeredExample],
    clean: Sequence[Example],
    predicted: Mapping[str, int],
    predict: Callable[[Sequence[str]], Iterable[int]],
) -> NDArray[np.bool_] | None:
    """For each attacked text whether the undefended model has its twin right; None where a twin is unknown.

    Args:
        attacked: with their clean texts where known.
        clean: test texts with their true labels.
        predicted: what is known of the plain model's answers, by text.
        predict: the plain model, asked about the twins that are missing there.
    """
    if any(example.clean_text is None for example in attacked):
        return None
    missing = [str(example.clean_text) for example in attacked if example.clean_text not in predicted]
    answers = {**predicted, **dict(zip(missing, predict(missing), strict=True))}
    labels = {example.text: example.label for example in clean}
    return np.array([answers[str(row.clean_text)] == labels.get(str(row.clean_text), row.label) for row in attacked])


def kept_by(rows: Sequence[T], keep: NDArray[np.bool_] | None) -> list[T]:
    """Those that a mask of `right_when_clean` keeps, all without one."""
    return [row for number, row in enumerate(rows) if keep is None or keep[number]]
