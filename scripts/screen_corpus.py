"""Screen a corpus of any size: a verdict for each text, in Parquet, by Ray's workers here or of a cluster.

Runs that were stopped go on where they were: the same command again. Files that were changed are refused.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.console.command import CommandParser, positive, run_command, say
from scripts.corpus.ray_environment import require_cluster, require_ray, set_ray_environment
from scripts.hub.models import with_models
from scripts.hub.origin import model_name
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import append_row
from scripts.texts.reading import ReadingOptions, add_reading_options

EXAMPLES = """\
  python -m scripts.screen_corpus --checkpoint build/victim --calibration calibration.json \\
      --data reviews.parquet more.csv.gz --out build/verdicts --workers 4
  python -m scripts.screen_corpus --checkpoint build/victim --calibration calibration.json --data shards \\
      --text-column body --out /shared/verdicts --gpus 8 --address auto     # on a machine of the cluster
  python -m scripts.screen_corpus ...    # the same again after a kill: goes on"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="screen_corpus", description=__doc__ or "", examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--calibration", type=Path, required=True, help="what scripts.calibrate wrote for it")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="files or folders of texts: see below")
    parser.add_argument("--out", type=Path, required=True, help="folder for the verdicts, empty or of this run")
    parser.add_argument("--address", help="of a Ray cluster, HOST:PORT or auto (a Ray of its own on this machine)")
    workers = parser.add_mutually_exclusive_group()
    workers.add_argument("--workers", type=positive, default=1, help="processes, each with one core (1)")
    workers.add_argument("--gpus", type=positive, help="the same with one GPU each")
    parser.add_argument("--shard-rows", type=positive, default=500, help="rows of a part, judged together (500)")
    parser.add_argument("--max-chars", type=positive, default=20_000, help="a longer text becomes an error row (20000)")
    parser.add_argument("--keep-text", action="store_true", help="put the texts beside their verdicts")
    parser.add_argument("--append", type=Path, help="JSON lines file to append the summary to")
    add_reading_options(parser)
    return run_command(parser, with_models(_screen, "checkpoint"), argv)


def _screen(arguments: argparse.Namespace) -> None:
    require_ray()
    set_ray_environment(arguments.address)
    if arguments.address:
        require_cluster(arguments.address)
    from scripts.corpus.manifest import CorpusSettings
    from scripts.corpus.pool import PoolOptions
    from scripts.corpus.report.page import write_page
    from scripts.corpus.screening import CorpusJob, screen_corpus
    from scripts.corpus.summary import summary_of, write_summary

    job = CorpusJob(
        data=tuple(arguments.data),
        checkpoint=arguments.checkpoint,
        calibration=arguments.calibration,
        out=arguments.out,
        settings=CorpusSettings(
            reading=ReadingOptions.from_arguments(arguments),
            shard_rows=arguments.shard_rows,
            max_chars=arguments.max_chars,
            keep_text=arguments.keep_text,
        ),
    )
    options = PoolOptions(
        n_workers=arguments.gpus or arguments.workers, n_gpus=arguments.gpus or 0, address=arguments.address
    )
    screened = screen_corpus(job, options)
    summary = {
        "model": model_name(arguments.checkpoint),
        **summary_of(screened, job, options),
        **provenance(),
    }
    write_summary(arguments.out, summary)
    write_page(arguments.out, summary)
    if arguments.append:
        append_row(arguments.append, {**attack_record(arguments.checkpoint), **summary})
    _show(summary, arguments.out)


def _show(summary: dict[str, Any], out: Path) -> None:
    """What a person wants to know first; no text of the corpus."""
    from rich.markup import escape
    from rich.table import Table

    from scripts.console.console import show
    from scripts.console.reply_view import visible

    say(f"{summary['n_rows']} rows, {summary['n_errors']} of them without a verdict; {out}")
    for kind, n in summary["errors"].items():
        say(f"  {n}: {kind}")
    if summary["n_judged"]:
        low, high = summary["flag_rate_interval"]
        say(
            f"flagged: {summary['flag_rate']:.3f} ({low:.3f} to {high:.3f}); of clean texts at most "
            f"{summary['calibrated_flag_rate']:g}"
        )
        say(f"a trigger verified in {summary['n_verified']}, the label changed in {summary['n_label_changed']}")
    table = Table("trigger", "label", "rows", title="triggers")
    for each in summary["triggers"][:20]:
        table.add_row(visible(" + ".join(each["words"])), escape(each["label"]), str(each["n_rows"]))
    if summary["triggers"]:
        show(table)


if __name__ == "__main__":
    raise SystemExit(main())
