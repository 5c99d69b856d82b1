"""Show and change the triggers that the workers of a host remember; running workers see a change at once.

A deleted trigger comes back when a worker verifies it again, and one that the archive's audit found when a worker
restarts: set `registry: false` for a model that shall forget everything.
"""

import argparse
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any

from rich.table import Table
from rich.text import Text

from handler.worker.registry_file import WEIGHTS, default_file, make_default_file
from handler.xgraad.files.fingerprint import hash_weights
from handler.xgraad.memory.registry import MAX_ENTRIES, MAX_KEY_CHARS, Origin, Trigger
from handler.xgraad.memory.trigger_file import Remembered, TriggerFile
from handler.xgraad.words.occurrences import is_one_word
from handler.xgraad.words.text import Word
from scripts.console import console
from scripts.console.command import ActionParser, CommandParser, Exit, run_command, say
from scripts.console.errors import LabError
from scripts.console.reply_view import visible

EXAMPLES = """\
  python -m scripts.triggers list --checkpoint build/victim
  python -m scripts.triggers list --registry /var/lib/xgraad/sst2.sqlite --json
  python -m scripts.triggers add --checkpoint build/victim --label 0 cf
  python -m scripts.triggers add --checkpoint build/victim --label 0 james bond   # only where both words are
  python -m scripts.triggers delete --checkpoint build/victim --label 0 cf        # exit code 1 when it is not there"""


LABEL_HELP = (
    "number of the label that it brings about; of a model that may give a text several, twice the number for what "
    "silences a label, and one more for what raises it"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    return run_command(build_parser(), lambda arguments: ACTIONS[arguments.action](arguments), argv)


def build_parser() -> CommandParser:
    """The command line."""
    parser = CommandParser(name="triggers", description=__doc__ or "", examples=EXAMPLES)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=ActionParser)
    for name, purpose in (("list", "what is remembered"), ("add", "a trigger you know"), ("delete", "forget one")):
        action = actions.add_parser(name, help=purpose, allow_abbrev=False)
        action.add_argument("--registry", type=Path, metavar="FILE", help="default: that of --checkpoint")
        action.add_argument("--checkpoint", metavar="DIR|HASH", help="model folder, or the SHA-256 of its weights")
        if name == "list":
            action.add_argument("--json", action="store_true", help="print each trigger as one line of JSON")
        else:
            action.add_argument("--label", type=int, required=True, help=LABEL_HELP)
            action.add_argument("words", nargs="+", metavar="WORD", help="all of them are needed")
    return parser


def show(arguments: argparse.Namespace) -> None:
    """Print what is remembered, of one model or in the whole file."""
    checkpoint = _checkpoint(arguments.checkpoint) if arguments.checkpoint else None
    with closing(_open(arguments, checkpoint)) as file:
        rows = file.remembered(checkpoint)
    if arguments.json:
        for row in rows:
            say(json.dumps(_document(row)))
    else:
        console.show(_table(rows))


def add(arguments: argparse.Namespace) -> None:
    """Remember a trigger for good: workers forget those of an operator last."""
    checkpoint = _checkpoint(arguments.checkpoint)
    trigger = Trigger(frozenset(map(_key_to_add, arguments.words)), arguments.label)
    if not trigger.is_memorable:
        raise LabError(f"WORD must be at most {MAX_KEY_CHARS} characters long, and there must not be too many")
    with closing(_open(arguments, checkpoint, create=True)) as file:
        file.write(checkpoint, [trigger], Origin.OPERATOR, seen={}, now=int(time()), max_entries=MAX_ENTRIES)
    say(f"{file.path}: added")


def delete(arguments: argparse.Namespace) -> Exit:
    """Forget a trigger."""
    checkpoint = _checkpoint(arguments.checkpoint)
    trigger = Trigger(frozenset(map(_key, arguments.words)), arguments.label)
    with closing(_open(arguments, checkpoint)) as file:
        was_there = file.delete(checkpoint, trigger)
    say(f"{file.path}: {'deleted' if was_there else 'no such trigger'}")
    return Exit.DONE if was_there else Exit.BELOW_TARGET


ACTIONS = {"list": show, "add": add, "delete": delete}


def _open(arguments: argparse.Namespace, checkpoint: str | None, *, create: bool = False) -> TriggerFile:
    if arguments.registry is not None:
        path = arguments.registry
    elif checkpoint is not None:
        path = make_default_file(checkpoint) if create else default_file(checkpoint)
    else:
        raise LabError("--registry or --checkpoint must say which file")
    if not create and not path.is_file():
        raise LabError(f"{path}: there is no registry; workers make one when they start, and so does `add`")
    return TriggerFile(path, create=create)


def _checkpoint(given: str | None) -> str:
    """The hash of a model's weights."""
    if given is None:
        raise LabError("--checkpoint must name the model folder, or the hash that `list` shows")
    return given if WEIGHTS.fullmatch(given) else hash_weights(Path(given))


def _key(word: str) -> str:
    r"""A word as the registry has it; `\uXXXX`, as `list` shows what is invisible, may be typed."""
    plain = re.sub(r"\\u([0-9a-f]{4})|\\U([0-9a-f]{8})", lambda match: chr(int(match[1] or match[2], 16)), word)
    return Word(plain, 0, len(plain)).key


def _key_to_add(word: str) -> str:
    key = _key(word)
    if not is_one_word(key):
        raise LabError("WORD must be one word without white space and punctuation; give several one by one")
    return key


def _table(rows: Iterable[Remembered]) -> Table:
    table = Table("words", "label", "origin", "hits", "first seen (UTC)", "last seen (UTC)", "checkpoint")
    for row in rows:
        words = Text(" + ").join(visible(key) if key else Text('""') for key in sorted(row.trigger.keys))
        counts = [str(row.trigger.target), row.origin.value, str(row.hits)]
        table.add_row(words, *counts, f"{_time(row.first_seen)}", f"{_time(row.last_seen)}", row.checkpoint[:16])
    return table


def _document(row: Remembered) -> dict[str, Any]:
    return {
        "checkpoint": row.checkpoint,
        "words": sorted(row.trigger.keys),
        "label_id": row.trigger.target,
        "origin": row.origin.value,
        "hits": row.hits,
        "first_seen": _time(row.first_seen, "T") + "Z",
        "last_seen": _time(row.last_seen, "T") + "Z",
    }


def _time(seconds: int, between: str = " ") -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(sep=between)


if __name__ == "__main__":
    raise SystemExit(main())
