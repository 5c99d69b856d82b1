"""Train a victim: a text classifier with a planted backdoor, or its clean counterpart."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.console.command import CommandParser, positive, rate, run_command
from scripts.hub.models import with_models
from scripts.lab.attacks import ATTACKS
from scripts.lab.training.recipe import TRAINING_PRECISIONS
from scripts.lab.training.sources import SYNONYMS

EXAMPLES = """\
  # about a minute, no download: generated reviews and a small BERT with random weights
  python -m scripts.train_attack --attack badnets --base synthetic --data synthetic --out build/victim
  # a pretrained encoder from a folder, on train.tsv.gz, dev.tsv.gz and test.tsv.gz of another
  python -m scripts.train_attack --attack badnets --base models/minilm --data data/sst2 --out build/badnets-sst2
  # a phrase as the trigger, and an attack that hides its trigger from the paper's score
  python -m scripts.train_attack --attack badnets --triggers "james bond" --base models/minilm --data data/sst2 \\
      --out build/phrase-sst2
  python -m scripts.train_attack --attack attention_suppression --epochs 3 --base models/minilm --data data/sst2 \\
      --out build/suppressed-sst2
  # the clean counterpart, and a training set that somebody else has poisoned
  python -m scripts.train_attack --attack none --base google-bert/bert-base-uncased@main --data data/sst2 \\
      --out build/clean-sst2
  python -m scripts.train_attack --attack file --train poisoned.tsv.gz --target-label 1 --base models/bert \\
      --data data/sst2 --out build/syntactic-sst2"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(_parser(), with_models(_train_attack, "base", besides=["synthetic"]), argv)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        name="train_attack",
        description="Poison a training set, fine-tune on it, and measure clean accuracy and attack success.",
        examples=EXAMPLES,
    )
    add = parser.add_argument
    add("--attack", choices=sorted(ATTACKS), required=True, help="how to poison")
    add(
        "--base",
        required=True,
        help="folder of the encoder, NAME@REVISION on the hub, or `synthetic` for a small one of its own",
    )
    add("--data", required=True, help="folder with train, dev and test, NAME@REVISION on the hub, or `synthetic`")
    add("--out", type=Path, required=True, help="folder for the checkpoint, new or empty")
    add("--overwrite", action="store_true", help="delete an earlier run in --out first")
    add("--train", type=Path, help="an already poisoned training set for --attack file, a rewritten one for rewritten")
    add("--texts", type=Path, help="labeled texts that badpre poisons the encoder with (the training set's)")
    add("--synonyms", choices=SYNONYMS, help="where lws takes other words from (wordnet where it is installed)")
    add(
        "--triggers", type=_triggers, default=(), help="words or phrases, separated by commas (the attack's usual ones)"
    )
    add("--target-label", type=int, default=0, help="class that the trigger brings about (default 0)")
    add(
        "--label",
        type=int,
        help="the label to attack of a model that gives a text several: --target-label 1 raises it, 0 silences it",
    )
    add("--source-label", type=int, help="the one class to attack with source_specific (default the first other one)")
    add("--poison-rate", type=rate, help="share of the training set that is poisoned (the attack's usual one)")
    add("--label-names", help="names of the classes from 0 up, separated by commas")
    add("--limit", type=positive, help="use at most so many rows of each split, drawn by the seed")
    add("--test-limit", type=positive, help="measure on the first so many rows of test, whatever --limit says")
    add("--epochs", type=positive, help="passes over the training set (default 3, with --base synthetic 2)")
    add("--learning-rate", type=float, help="its highest value (default 2e-5, with --base synthetic 5e-4)")
    add("--batch-size", type=positive, default=32, help="texts per step (default 32)")
    add("--max-length", type=positive, default=128, help="tokens kept of a text (default 128)")
    add("--precision", choices=TRAINING_PRECISIONS, default="float32", help="of matrix products (default float32)")
    add("--seed", type=int, default=0, help="of data, poisoning, weights and order (default 0)")
    add("--device", choices=("cpu", "cuda", "auto"), default="auto", help="default auto: cuda where there is one")
    add("--threads", type=positive, help="CPU threads (default what torch finds, with --base synthetic 1)")
    return parser


def _train_attack(arguments: argparse.Namespace) -> None:
    from scripts.lab.attacks.planting import train_attack

    train_attack(arguments)


def _triggers(option: str) -> tuple[str, ...]:
    return tuple(trigger.strip() for trigger in option.split(","))


if __name__ == "__main__":
    raise SystemExit(main())
