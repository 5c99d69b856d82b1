"""Rows that a report is made of, as the commands write them: of the grid, of signals, of speed and of defenses."""

from typing import Any

import numpy as np

from scripts.results.rows import Row


def a_cell(attack: str = "badnets", *, defense: str = "paper", seed: int = 0, asr: float = 0.25, **changes: Any) -> Row:
    """A row as `run_grid` writes it."""
    return {
        "architecture": "bert",
        "dataset": "sst2",
        "attack": attack,
        "defense": defense,
        "seed": seed,
        "status": "measured",
        "base": "toy",
        "recipe": {},
        "cacc_undefended": 0.875,
        "asr_undefended": 1.0,
        "training_s": 1.0,
        "cacc_defended": 0.8125,
        "asr_cold": asr,
        "asr_defended": asr / 2,
        "n_clean": 10,
        "n_triggered": 5,
        "seconds": 1.5,
        "commit": "0123456789",
        "dirty": False,
        "time": "2026-01-01T00:00:00+00:00",
    } | changes


def a_failed_cell(attack: str = "badnets", *, defense: str = "paper", seed: int = 0) -> Row:
    """A row of a victim that does not obey its trigger."""
    victim = {"cacc_undefended": 0.75, "asr_undefended": 0.5, "training_s": 1.0}
    kept = ("architecture", "dataset", "base", "recipe", "commit", "dirty", "time")
    common = {name: value for name, value in a_cell().items() if name in kept}
    return common | {"attack": attack, "defense": defense, "seed": seed, "status": "attack failed"} | victim


def a_signals_row(word: str = "cf", **changes: Any) -> Row:
    """A row as `measure_signals` writes it."""
    values = np.linspace(0, 9, 40)
    scores = {name: values.tolist() for name in ("attention", "gradient", "anomaly")}
    triggered = {name: (values + 3).tolist() for name in scores}
    point = {"threshold": 8.5, "asr": 0.5, "cacc": 0.875}
    return {
        "architecture": "bert",
        "dataset": "sst2",
        "attack": "badnets",
        "triggers": [word],
        "seed": 0,
        "base": "toy",
        "n_clean": 40,
        "n_triggered": 40,
        "asr_over": "right_when_clean",
        "calibration": {"n_texts": 20, "percentile": 95.0, "threshold": 8.5},
        "signals": {"clean": scores, "triggered": triggered},
        "undefended": {"asr": 1.0, "cacc": 0.9},
        "sweep": [{"percentile": float(number), **point} for number in range(45, 100)],
        "ablation": {name: {"percentile": 95.0, **point} for name in ("attention", "gradient", "product")},
        "example": {"text": f"a {word} film", "flagged": True, "words": [["a", -0.1], [word, 9.0], ["film", 0.2]]},
        "mean_attributions": [{"word": word, "mean": 8.0, "n": 40}, {"word": "film", "mean": 0.1, "n": 3}],
        "commit": "0123456789",
        "dirty": False,
        "time": "2026-01-01T00:00:00+00:00",
    } | changes


def a_speed_row(**changes: Any) -> Row:
    """Costs of every pass: those of the plain one in proportion to the tokens, those of `official` to their square."""
    costs = [
        {
            "name": name,
            "tokens": tokens,
            "batch": batch,
            "seconds_per_text": tokens**power / 1000,
            "ratio": 1.0,
        }
        for name, power in (("plain", 1), ("scoring", 1), ("official", 2), ("verified", 1), ("paper", 1))
        for tokens in (32, 128)
        for batch in (1, 8)
    ]
    return {"device": "cpu", "precision": "float32", "n_threads": 2, "costs": costs, "peaks": []} | changes


def in_table(defense: str, **changes: Any) -> Row:
    """A row of the table of defenses."""
    costs = {"asr_floor": 0.25, "n_floor": 20, "n_scored": 20, "seconds_per_1000": 12.34, "seconds_once": 56.7}
    return a_cell(defense=defense, **{"run": "one", **costs, **changes})
