"""Slopes, restarts and comparisons of a soak, and that it starts from what texts tell for good."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from handler.xgraad import Defense, Verdict
from scripts.console.errors import LabError
from scripts.lab.cost.soak import MIB, Snapshot, compared_with, curve, growth, n_restarts, settled_verdicts
from tests.samples import a_verdict


def samples(n_samples: int, mib_per_s: float, *, start_s: float = 0.0) -> list[Snapshot]:
    """One a second, ten requests each; memory grows from second `start_s` on."""
    return [
        Snapshot(
            float(second), 10 * second, int(MIB * (100 + mib_per_s * max(0.0, second - start_s))), frozenset({1, 2})
        )
        for second in range(n_samples)
    ]


def test_growth_is_told_per_minute_and_per_thousand_requests() -> None:
    found = growth(samples(101, 0.5))
    assert found.mib_per_minute == pytest.approx(30)
    assert found.mib_per_1000_requests == pytest.approx(50)
    assert (found.first_mib, found.last_mib) == (100, 150)


def test_memory_taken_at_the_start_is_no_growth() -> None:
    early = [replace_memory(sample, 80 if sample.seconds < 20 else 100) for sample in samples(101, 0.0)]
    assert growth(early).mib_per_minute == pytest.approx(0, abs=1e-9)
    late = [replace_memory(sample, 80 if sample.seconds < 40 else 100) for sample in samples(101, 0.0)]
    assert growth(late).mib_per_minute > 1


def replace_memory(sample: Snapshot, mib: int) -> Snapshot:
    return sample._replace(memory_bytes=mib * MIB)


def test_samples_at_one_moment_have_no_slope() -> None:
    assert growth(samples(1, 0.0) * 3).mib_per_minute == 0


def test_the_curve_is_short_and_ends_with_the_last_sample() -> None:
    found = curve(samples(601, 0.01))
    assert 20 <= len(found) <= 25
    assert found[-1] == (600.0, 106.0)
    assert found == sorted(found)
    assert len(curve(samples(3, 0.0))) == 3


def test_a_new_process_is_a_restart() -> None:
    seen = samples(3, 0.0)
    assert n_restarts(seen) == 0
    assert n_restarts([*seen, seen[0]._replace(pids=frozenset({1, 3, 4}))]) == 2


def test_a_reply_must_tell_the_same() -> None:
    verdict = a_verdict("a fine film")
    is_right = compared_with({"a fine film": verdict})

    def document(**changes: Any) -> dict[str, Any]:
        told = replace(verdict, **changes)
        return {
            "label_id": told.label_id,
            "defense": {
                "undefended": {"label_id": told.undefended.label_id},
                "flagged": told.flagged,
                "verified": told.verified,
                "neutralized_text": told.neutralized_text,
            },
        }

    assert is_right("a fine film", document())
    assert not is_right("a fine film", document(verified=not verdict.verified))
    assert not is_right("a fine film", document(flagged=not verdict.flagged))
    assert not is_right("a fine film", document(neutralized_text="another"))
    other = replace(verdict.defended, label_id=verdict.defended.label_id + 1)
    assert not is_right("a fine film", document(defended=other, undefended=other))


class Learning:
    """Learns a trigger in each of the first two rounds."""

    def __init__(self, *, always: bool = False) -> None:
        self.registry: list[object] = []
        self.n_calls = 0
        self._always = always

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        self.n_calls += 1
        if self._always or self.n_calls <= 2:
            self.registry.append(SimpleNamespace())
        return [replace(a_verdict(text), threshold=float(len(self.registry))) for text in texts]


def test_verdicts_are_those_after_the_last_thing_learned() -> None:
    learning = Learning()
    verdicts = settled_verdicts(cast(Defense, learning), ["a fine film", "a dull film"])
    assert learning.n_calls == 2 + 1
    assert {verdict.threshold for verdict in verdicts.values()} == {2.0}


def test_a_defense_that_never_stops_learning_is_refused() -> None:
    with pytest.raises(LabError, match="after 10 rounds"):
        settled_verdicts(cast(Defense, Learning(always=True)), ["a fine film"])
