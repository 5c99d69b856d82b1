"""Measure what screening a corpus costs: with one worker and with more, against the Python API, and with kills."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.console.command import CommandParser, Exit, positive, rate, run_command, say
from scripts.corpus.ray_environment import require_ray
from scripts.hub.models import with_models
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import write_result
from scripts.texts.corpora import read_texts
from scripts.texts.reading import ReadingOptions, add_reading_options

EXAMPLES = """\
  python -m scripts.measure_corpus --checkpoint build/victim --calibration calibration.json \\
      --data sst2/train sst2/test imdb/train imdb/test --words 25 --rows 50000 --small 5000 \\
      --work build/measure --append results/corpus.jsonl
  python -m scripts.measure_corpus ... --rows 2000 --small 500 --shard-rows 100     # a first impression"""


PER_RUN = ("plan_seconds", "start_seconds", "note_seconds", "n_parts")
"""Of a summary, what a row keeps of each run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="measure_corpus", description=__doc__ or "", examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--calibration", type=Path, required=True, help="what scripts.calibrate wrote for it")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="texts the corpus is made of: see below")
    parser.add_argument("--words", type=positive, default=25, help="of each text at most, longer ones are cut (25)")
    parser.add_argument("--rows", type=positive, default=50_000, help="of the corpus (50000)")
    parser.add_argument("--small", type=positive, default=5_000, help="of the small one, for memory and kills (5000)")
    parser.add_argument("--poisoned", type=rate, default=0.01, help="share with one of the model's triggers (0.01)")
    parser.add_argument("--workers", type=positive, default=2, help="that are compared with one (2)")
    parser.add_argument("--shard-rows", type=positive, default=500, help="see screen_corpus (500)")
    parser.add_argument("--seed", type=int, default=0, help="of texts and triggers drawn (0)")
    parser.add_argument("--work", type=Path, required=True, help="folder for corpora and verdicts, empty")
    parser.add_argument("--min-speedup", type=float, default=1.6, help="exit code 1 below it (1.6)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--append", type=Path, help="JSON lines file to append the figures to")
    add_reading_options(parser)
    return run_command(parser, with_models(_measure, "checkpoint"), argv)


def _measure(arguments: argparse.Namespace) -> Exit:
    require_ray()
    from scripts.lab.cost.corpus_cost import Screening

    origin = attack_record(arguments.checkpoint)
    arguments.work.mkdir(parents=True, exist_ok=True)
    n_poisoned, small_poisoned = _write_corpora(arguments, origin)
    screening = Screening(
        checkpoint=arguments.checkpoint,
        calibration=arguments.calibration,
        data=arguments.work / "corpus.parquet",
        out=arguments.work / "one",
        workers=1,
        shard_rows=arguments.shard_rows,
    )
    small = replace(screening, data=arguments.work / "small.parquet", workers=arguments.workers)
    figures = _speed(screening, arguments) | _small(small, arguments.work)
    result = {
        **origin,
        "n_rows": arguments.rows,
        "n_poisoned": n_poisoned,
        "n_small": arguments.small,
        "n_small_poisoned": small_poisoned,
        "n_words": arguments.words,
        "workers": arguments.workers,
        "n_cores": os.cpu_count(),
        "shard_rows": arguments.shard_rows,
        "seed": arguments.seed,
        **figures,
        **provenance(),
    }
    write_result(result, document=arguments.json, rows=arguments.append)
    _show(result)
    is_same = result["n_cold_equal"] == result["n_cold"] and not result["n_differing"]
    is_whole = not result["n_differing_after_death"] and not result["n_differing_after_kill"]
    is_fast = result["speedup"] >= arguments.min_speedup
    return Exit.DONE if is_same and is_whole and is_fast else Exit.BELOW_TARGET


def _write_corpora(arguments: argparse.Namespace, origin: dict[str, Any]) -> tuple[int, int]:
    """The corpus and the small one, its beginning; returns how many rows of each have a trigger."""
    import numpy as np

    from scripts.lab.cost.corpus_cost import corpus_of, pieces, write_texts

    reading = ReadingOptions.from_arguments(arguments)
    texts = pieces((text for path in arguments.data for text in read_texts(path, reading)), n_words=arguments.words)
    rng, triggers = np.random.default_rng(arguments.seed), origin.get("triggers", [])
    rows = corpus_of(texts, n_rows=arguments.rows, triggers=triggers, share=arguments.poisoned, rng=rng)
    for name, some in (("corpus", rows), ("small", rows[: arguments.small])):
        write_texts(arguments.work / f"{name}.parquet", [text for text, _ in some])
    marked = [trigger is not None for _, trigger in rows]
    return sum(marked), sum(marked[: arguments.small])


def _speed(screening: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """The whole corpus with one worker, with several, and against the Python API."""
    from scripts.lab.cost.corpus_cost import compared, n_differing, peak_mb, rows_in, run

    several = replace(screening, out=arguments.work / "several", workers=arguments.workers)
    runs = [run(screening), run(several)]
    rows = rows_in(screening.out)
    seconds = [sum(each["seconds"] for each in found["passes"]) for found in runs]
    return {
        "seconds": seconds,
        "texts_per_s": [found["n_judged"] / each for found, each in zip(runs, seconds, strict=True)],
        "wall_seconds": [found["wall_seconds"] for found in runs],
        **{name: [found[name] for found in runs] for name in PER_RUN},
        "bytes_in": screening.data.stat().st_size,
        "load_seconds": [max(each for of in found["passes"] for each in of["load_seconds"]) for found in runs],
        "passes": [found["passes"] for found in runs],
        "speedup": seconds[0] / seconds[1],
        "peak_mb": [peak_mb(found) for found in runs],
        "n_differing": n_differing(rows, rows_in(several.out)),
        "n_verified": runs[0]["n_verified"],
        "flag_rate": runs[0]["flag_rate"],
        "triggers": [{name: each[name] for name in ("words", "label", "n_rows")} for each in runs[0]["triggers"]],
        "bytes_out": sum(path.stat().st_size for path in screening.out.rglob("part-*")),
        **compared(screening, rows),
    }


def _small(screening: Any, work: Path) -> dict[str, Any]:
    """The small corpus with one worker, as the large one, for memory; and twice more, with kills."""
    from scripts.lab.cost.corpus_cost import (
        n_differing,
        peak_mb,
        rows_in,
        run,
        run_twice,
        run_with_a_dead_worker,
    )

    plain, dead, killed = (replace(screening, out=work / name) for name in ("small", "dead", "killed"))
    found = run(replace(plain, workers=1))
    rows = rows_in(plain.out)
    run_with_a_dead_worker(dead)
    again = run_twice(killed)
    return {
        "small_peak_mb": peak_mb(found),
        "n_differing_after_death": n_differing(rows, rows_in(dead.out)),
        "n_differing_after_kill": n_differing(rows, rows_in(killed.out)),
        "n_parts_before_kill": again["n_parts_before"],
    }


def _show(result: dict[str, Any]) -> None:
    one, several = result["texts_per_s"]
    say(
        f"{result['n_rows']} rows: {one:.1f} texts/s with one worker, {several:.1f} with {result['workers']} "
        f"({result['speedup']:.2f} times); {result['n_differing']} rows differ"
    )
    say(
        f"against the Python API: {result['n_cold_equal']} of {result['n_cold']} cold rows equal; "
        f"{result['n_again']} looked at again, {result['n_again_changed']} of them changed by what was found elsewhere"
    )
    for name, rows, peaks in (
        ("small", result["n_small"], result["small_peak_mb"]),
        ("whole", result["n_rows"], result["peak_mb"][0]),
    ):
        say(f"peak memory, {name} corpus of {rows}: driver {peaks['driver']:.0f} MB, worker {peaks['worker']:.0f} MB")
    say(
        f"rows that differ after a worker died: {result['n_differing_after_death']}; after all was killed and begun "
        f"again, {result['n_parts_before_kill']} parts there: {result['n_differing_after_kill']}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
