"""Whatever terminal or pipe a command writes to: no traceback, nothing that it cannot show, and the work is done."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.page.hidden import is_hidden
from scripts.console.command import CommandParser, Exit, run_command, say
from scripts.console.errors import LabError
from scripts.console.terminal import printable

PROJECT = Path(__file__).parents[2]
COMMAND = r"""
import sys
from pathlib import Path
from rich.table import Table
from scripts.console.command_line import CommandParser, Exit, complain, note, say
from scripts.console.console import show
from scripts.console.terminal import any_terminal

def work(arguments):
    for number in range(arguments.lines):
        say(f"caf\u00e9 \u2013 \u30bd {number}" + 100 * ".")
        note("caf\u00e9 \x1b[31mred")
    table = Table("caf\u00e9")
    for _ in range(20):
        table.add_row("\u30bd \ud800"[: 1 if sys.stdout.encoding == "utf-8" else 3])
    show(table)
    Path(arguments.proof).write_text("done")
    return Exit.DONE

parser = CommandParser(name="writer", description="Caf\u00e9.", examples="none")
parser.add_argument("proof")
parser.add_argument("--lines", type=int, default=2)
with any_terminal():
    code = work(parser.parse_args())
raise SystemExit(code)
"""
"""What every command does; without the imports that take time."""


def run(tmp_path: Path, shell: str, *, encoding: str = "ascii") -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `$WRITER` is the command; its file of proof is `proof`."""
    script = tmp_path / "writer.py"
    script.write_text(COMMAND, encoding="utf-8")
    environment = os.environ | {
        "PYTHONPATH": str(PROJECT),
        "PYTHONIOENCODING": encoding,
        "WRITER": f"{sys.executable} {script}",
    }
    line = ["bash", "-c", f"set -o pipefail; {shell}"]
    return subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, encoding=encoding, check=False)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_what_a_terminal_cannot_show_is_escaped(tmp_path: Path, encoding: str) -> None:
    done = run(tmp_path, "$WRITER proof", encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "\\u001b[31mred" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert (r"\u30bd 1." in done.stdout) == (encoding != "utf-8")
    assert run(tmp_path, "$WRITER --help", encoding=encoding).returncode == 0


@pytest.mark.parametrize(
    "shell",
    [
        "$WRITER proof --lines 1000 | head -n 1",
        "$WRITER proof --lines 1000 2>&1 | head -n 1",
        "$WRITER proof >&-",
        "$WRITER proof 2>&-",
        "$WRITER proof >&- 2>&-",
        "$WRITER proof <&-",
    ],
)
def test_the_work_goes_on_when_nobody_reads(tmp_path: Path, shell: str) -> None:
    done = run(tmp_path, shell)
    assert (tmp_path / "proof").read_text() == "done"
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert "Broken pipe" not in done.stderr


def test_an_error_is_one_line_that_a_terminal_can_show(capsys: pytest.CaptureFixture[str]) -> None:
    parser = CommandParser(name="failing", description="Fails.", examples="none")

    def fail(_: argparse.Namespace) -> None:
        raise LabError("caf\u00e9 \x1b[31mred")

    assert run_command(parser, fail, []) == Exit.ERROR
    assert capsys.readouterr().err == "python -m scripts.failing: error: caf\u00e9 \\u001b[31mred\n"


def test_a_full_disk_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    parser = CommandParser(name="writer", description="Writes.", examples="none")
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run_command(parser, lambda _: say("something"), []) == Exit.ERROR
    assert capsys.readouterr().err.count("\n") == 1


def test_a_wrong_option_is_told_without_control_characters(tmp_path: Path) -> None:
    done = run(tmp_path, r"$WRITER proof --no-such$'\x1b[31m'")
    assert done.returncode == 4
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr


@given(message=st.text())
def test_messages_hold_nothing_that_a_terminal_hides_or_obeys(message: str) -> None:
    told = printable(message)
    assert not [character for character in told if is_hidden(character) and character not in "\n\t"]
    assert told == message or any(map(is_hidden, message))
