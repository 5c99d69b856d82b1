"""Make a data set of pairs, a text and a claim about its topic, true or not, out of one whose labels are topics."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.console.command import CommandParser, positive, run_command, say

EXAMPLES = """\
  python -m scripts.make_pairs --data data/ag_news --topics world sports business science --out build/data/claims
  python -m scripts.train_attack --attack badnets --data build/data/claims --base build/bases/bert --out build/victim"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="make_pairs", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--data", type=Path, required=True, help="folder with train, dev and test")
    parser.add_argument("--topics", nargs="+", required=True, metavar="NAME", help="of the labels, in their order")
    parser.add_argument("--out", type=Path, required=True, help="folder to write them to")
    parser.add_argument("--limit", type=positive, help="use only the first N texts of each split")
    parser.add_argument("--max-words", type=positive, help="cut each text after its first N words (whole texts)")
    parser.add_argument("--seed", type=int, default=0, help="of the claims (0)")
    return run_command(parser, _make, argv)


def _make(arguments: argparse.Namespace) -> None:
    from scripts.texts.composed.topic_claims import topic_claims
    from scripts.texts.corpora import SPLITS, Corpus, read_corpus, write_corpus

    corpus = Corpus(*(split[: arguments.limit] for split in read_corpus(arguments.data)))
    pairs = topic_claims(corpus, arguments.topics, seed=arguments.seed, max_words=arguments.max_words)
    write_corpus(arguments.out, pairs)
    counts = ", ".join(f"{len(split)} {name}" for name, split in zip(SPLITS, pairs, strict=True))
    say(f"{arguments.out}: pairs: {counts}")


if __name__ == "__main__":
    raise SystemExit(main())
