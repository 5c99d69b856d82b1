"""Somebody who chose half precision to save time is told where it costs time."""

import pytest

from scripts.lab.training import half_precision
from scripts.lab.training.half_precision import note_if_slow, slower_on_this_processor


@pytest.mark.parametrize(
    ("precision", "device", "times", "told"),
    [
        (
            "bfloat16",
            "cpu",
            43.0,
            "note: bfloat16 takes 43 times as long as float32 on this processor; leave --p out\n",
        ),
        ("bfloat16", "cpu", 0.6, ""),
        ("float32", "cpu", 43.0, ""),
        ("bfloat16", "cuda:0", 43.0, ""),
    ],
)
def test_only_where_it_is_slow(
    precision: str,
    device: str,
    times: float,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(half_precision, "slower_on_this_processor", lambda: times)
    note_if_slow("--p", precision, device)
    assert capsys.readouterr().err == told


def test_it_is_measured_here() -> None:
    assert 0.01 < slower_on_this_processor() < 1000
