"""Measure what half precision does to labels, scores and thresholds of one victim, and what it saves."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from handler.xgraad.files.precision import DEFAULT_PRECISION, PRECISIONS
from scripts.console.command import CommandParser, positive, run_command, say
from scripts.hub.models import with_models
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import append_row
from scripts.texts.corpora import read_texts, read_triggered
from scripts.texts.reading import ReadingOptions, add_reading_options

EXAMPLES = """\
  python -m scripts.measure_precision --checkpoint build/victim --clean data/sst2/test.tsv.gz \\
      --triggered build/victim/triggered.tsv.gz --append results/precision.jsonl
  python -m scripts.measure_precision ... --device cuda     # on a GPU both halves are fast"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="measure_precision", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--clean", type=Path, required=True, help="clean texts: see below")
    parser.add_argument("--triggered", type=Path, required=True, help="attacked texts, as `train_attack` writes them")
    parser.add_argument("--limit", type=positive, default=500, help="use only the first N texts of each (500)")
    parser.add_argument("--max-length", type=positive, default=128, help="tokens kept of a text (128)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--append", type=Path, required=True, help="JSON lines file to append a row per precision to")
    add_reading_options(parser)
    return run_command(parser, with_models(_measure, "checkpoint"), argv)


def _measure(arguments: argparse.Namespace) -> None:
    import torch

    from handler.xgraad import Classifier
    from handler.xgraad.words.pair import is_pair
    from scripts.lab.cost.speed import device_name
    from scripts.lab.evaluation.precision_effect import effect_of, score_in

    reading = ReadingOptions.from_arguments(arguments)
    clean = read_texts(arguments.clean, reading)[: arguments.limit]
    attacked = [example.text for example in read_triggered(arguments.triggered, reading)[: arguments.limit]]
    takes_pairs = any(map(is_pair, clean))
    loading: Any = {"device": arguments.device, "max_length": arguments.max_length, "takes_pairs": takes_pairs}
    scored = [
        score_in(Classifier.load(arguments.checkpoint, precision=precision, **loading), precision, clean, attacked)
        for precision in sorted(PRECISIONS, key=lambda name: name != DEFAULT_PRECISION)
    ]
    for each in scored:
        effect = effect_of(each, scored[0])
        sizes = {"n_clean": len(clean), "n_triggered": len(attacked), "n_threads": torch.get_num_threads()}
        where = {"device": arguments.device, "device_name": device_name(arguments.device)}
        row = {**attack_record(arguments.checkpoint), **where, **sizes, **asdict(effect), **provenance()}
        append_row(arguments.append, row)
        say(
            f"{effect.precision}: {effect.labels_changed:.1%} other labels, scores off by "
            f"{effect.score_change_median:.2%}, {effect.ms_per_text:.1f} ms a text"
        )


if __name__ == "__main__":
    raise SystemExit(main())
