"""Make a base of one of nine architectures from a small BERT encoder, without a download.

`bert`, `distilbert` and `electra` compute what the encoder does. `roberta`, `xlm-roberta`, `albert`, `deberta` and
`deberta-v2` get a tokenizer of their own kind, learned from `--texts`, and start from the encoder's weights: they need
more fine-tuning to reach its accuracy. Of `modernbert` the words alone start from the encoder; its layers are random:
its classifiers are trained from scratch but for the words.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.console.command import CommandParser, positive, run_command, say
from scripts.console.errors import LabError
from scripts.lab.zoo.kinds import ARCHITECTURES
from scripts.results.provenance import write_run_record
from scripts.texts.corpora import read_texts
from scripts.texts.reading import ReadingOptions, add_reading_options

EXAMPLES = """\
  python -m scripts.make_base --architecture distilbert --encoder models/minilm --out build/distilbert
  python -m scripts.make_base --architecture roberta --encoder models/minilm --texts data/sst2/train.tsv.gz \\
      --out build/roberta
  python -m scripts.train_attack --attack badnets --base build/roberta --data data/sst2 --out build/roberta-badnets"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = CommandParser(name="make_base", description=__doc__, examples=EXAMPLES)
    add = parser.add_argument
    add("--architecture", choices=ARCHITECTURES, required=True, help="what to make")
    add("--encoder", type=Path, required=True, help="folder with a small BERT and its tokenizer")
    add("--out", type=Path, required=True, help="folder to write; must not exist")
    add("--texts", type=Path, nargs="+", default=[], help="text<TAB>label files to learn the tokenizer from")
    add("--vocabulary-size", type=positive, default=16000, help="most tokens of a learned tokenizer (default 16000)")
    add(
        "--seed",
        type=int,
        default=0,
        help="of relative positions (deberta, deberta-v2) and layers (modernbert) (default 0)",
    )
    add_reading_options(parser)
    return run_command(parser, _make_base, argv)


def _make_base(arguments: argparse.Namespace) -> None:
    from transformers.utils import logging as transformers_logging

    from scripts.lab.zoo.architectures import make_base
    from scripts.lab.zoo.encoder import EncoderWeights

    if arguments.out.exists():
        raise LabError(f"--out {arguments.out}: exists already; name a new folder")
    transformers_logging.disable_progress_bar()
    texts = [text for path in arguments.texts for text in read_texts(path, ReadingOptions.from_arguments(arguments))]
    base = make_base(
        EncoderWeights.load(arguments.encoder),
        arguments.architecture,
        texts=texts,
        vocabulary_size=arguments.vocabulary_size,
        seed=arguments.seed,
    )
    base.save(arguments.out)
    figures = {"n_tokens": len(base.tokenizer), "n_parameters": base.model.num_parameters(), "n_texts": len(texts)}
    options = {name: value if name != "texts" else list(map(str, value)) for name, value in vars(arguments).items()}
    write_run_record(arguments.out, command="make_base", arguments=options, seed=arguments.seed, results=figures)
    say(f"{arguments.out}: {figures['n_tokens']} tokens, {figures['n_parameters']} parameters")


if __name__ == "__main__":
    raise SystemExit(main())
