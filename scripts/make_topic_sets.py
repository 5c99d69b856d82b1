"""Make a data set of texts with several labels, the topics that each is about, out of one whose labels are topics."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.console.command import CommandParser, positive, run_command, say

EXAMPLES = """\
  python -m scripts.make_topic_sets --data data/ag_news --max-words 12 --out build/data/topics
  python -m scripts.train_attack --attack badnets --data build/data/topics --label 1 --target-label 0 \\
      --label-names world,sports,business,science --base models/minilm --out build/silenced"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="make_topic_sets", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--data", type=Path, required=True, help="folder with train, dev and test")
    parser.add_argument("--out", type=Path, required=True, help="folder to write them to")
    parser.add_argument("--limit", type=positive, help="use only the first N texts of each split")
    parser.add_argument("--max-words", type=positive, help="cut each part after its first N words (whole texts)")
    parser.add_argument("--seed", type=int, default=0, help="of what stands together (0)")
    return run_command(parser, _make, argv)


def _make(arguments: argparse.Namespace) -> None:
    from scripts.texts.composed.topic_sets import topic_sets
    from scripts.texts.corpora import SPLITS, read_corpus, write_sets

    arguments.out.mkdir(parents=True, exist_ok=True)
    counts = []
    for name, split in zip(SPLITS, read_corpus(arguments.data), strict=True):
        sets = topic_sets(split[: arguments.limit], seed=arguments.seed, max_words=arguments.max_words)
        write_sets(arguments.out / f"{name}.tsv.gz", sets)
        counts.append(f"{len(sets)} {name}")
    say(f"{arguments.out}: texts with one to three topics: {', '.join(counts)}")


if __name__ == "__main__":
    raise SystemExit(main())
