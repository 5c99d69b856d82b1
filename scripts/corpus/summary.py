"""What a screened corpus comes to, as a document: flag rate against the calibrated one, triggers, where they stand."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handler.xgraad import Calibration
from handler.xgraad.memory.registry import Trigger
from scripts.corpus.held_memory import peak_bytes
from scripts.corpus.manifest import SUMMARY
from scripts.corpus.pool import PoolOptions
from scripts.corpus.screening import CorpusJob, PassRecord, Screened
from scripts.corpus.tally import BINS, TENTHS, at, name_of
from scripts.lab.evaluation.metrics import rate_interval
from scripts.texts.model_classes import model_classes


def summary_of(screened: Screened, job: CorpusJob, options: PoolOptions) -> dict[str, Any]:
    """The summary, ready for JSON; how it was made is the caller's to add."""
    tally = screened.tally
    classes = model_classes(job.checkpoint) or ()
    n_judged = tally.n_rows - tally.n_errors
    return {
        "n_rows": tally.n_rows,
        "n_judged": n_judged,
        "n_errors": tally.n_errors,
        "errors": dict(tally.errors.most_common()),
        "n_flagged": tally.n_flagged,
        "flag_rate": tally.n_flagged / n_judged if n_judged else None,
        "flag_rate_interval": list(rate_interval(tally.n_flagged, n_judged)) if n_judged else None,
        "calibrated_flag_rate": Calibration.read(job.calibration).max_fpr,
        "n_verified": tally.n_verified,
        "n_label_changed": tally.n_label_changed,
        "n_untested": tally.n_untested,
        "n_truncated": tally.n_truncated,
        "n_again": tally.n_again,
        "labels": dict(tally.labels.most_common()),
        "undefended_labels": dict(tally.undefended_labels.most_common()),
        "p_values": [tally.p_values[str(number)] for number in range(BINS)],
        "n_triggers": len(screened.known),
        "triggers": sorted(
            (_trigger(each, screened, classes) for each in screened.known), key=lambda told: -told["n_rows"]
        ),
        "files": [
            {"path": file.path, "n_rows": file.n_rows, "sha256": file.sha256, "n_verified": tally.files[file.path]}
            for file in screened.manifest.files
        ],
        "passes": [_pass(each) for each in screened.passes],
        "workers": options.n_workers,
        "gpus": options.n_gpus,
        "plan_seconds": screened.plan_seconds,
        "start_seconds": screened.start_seconds,
        "note_seconds": screened.note_seconds,
        "n_parts": screened.manifest.n_shards,
        "driver_peak_mb": peak_bytes() / 2**20,
    }


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Write it into the folder of the verdicts."""
    (folder / SUMMARY).write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _trigger(trigger: Trigger, screened: Screened, classes: Sequence[str]) -> dict[str, Any]:
    name, tally = name_of(trigger), screened.tally
    return {
        "words": sorted(trigger.keys),
        "label_id": trigger.target,
        "label": classes[trigger.target] if trigger.target < len(classes) else str(trigger.target),
        "n_rows": tally.triggers[name],
        "n_verified_cold": screened.met[trigger],
        "tenths": [tally.tenths[at(name, tenth)] for tenth in range(TENTHS)],
    }


def _pass(record: PassRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "n_known": record.n_known,
        "n_rows": record.n_rows,
        "n_judged": record.n_judged,
        "seconds": record.seconds,
        "judging_seconds": record.judging_seconds,
        "load_seconds": record.load_seconds,
        "worker_peak_mb": sorted(record.peak_mb.values()),
    }
