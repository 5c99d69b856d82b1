"""Turn a checkpoint with pickled weights into one with safetensors.

Pickles can run code. The weights are read with torch's restricted unpickler, which admits tensors only; do it all the
same on a machine that you can lose.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from handler.xgraad.files.pickles import PICKLE_SUFFIXES
from scripts.console.command import CommandParser, run_command, say
from scripts.console.errors import LabError

EXAMPLES = "  python -m scripts.convert_checkpoint --checkpoint downloaded --out safe"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="convert_checkpoint", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder with pytorch_model.bin")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; must not exist")
    return run_command(parser, _convert, argv)


def _convert(arguments: argparse.Namespace) -> None:
    from safetensors.torch import save_file

    from scripts.packing.pickled_weights import read_pickled

    if arguments.out.exists():
        raise LabError(f"--out {arguments.out}: exists already; name a new folder")
    weights = read_pickled(arguments.checkpoint)
    arguments.out.mkdir(parents=True)
    for path in arguments.checkpoint.iterdir():
        if path.is_file() and path.suffix not in PICKLE_SUFFIXES and not path.name.endswith(".bin.index.json"):
            shutil.copyfile(path, arguments.out / path.name)
    save_file(weights, arguments.out / "model.safetensors", metadata={"format": "pt"})
    say(f"{arguments.out}: {len(weights)} tensors")


if __name__ == "__main__":
    raise SystemExit(main())
