"""Every command that a README file has one type exists, and its own parser takes its options.

Those of a checkpoint of one's own are run as they are printed, by tests/live/test_own_checkpoint.py.
"""

import argparse
import re
import shlex
import warnings
from importlib import import_module
from unittest.mock import patch

import pytest

from scripts.console.command import Exit
from tests.readme_files import PROJECT, TEXTS, blocks

COMMANDS = {path.stem for path in (PROJECT / "scripts").glob("*.py")} - {"__init__"}
OF_OTHERS = (". .venv/bin/activate", "curl ", "pip install --no-deps ", "python -m pip install ", "serve deploy ")
"""Begin what no parser of ours reads; the first two are run."""


def parser_of(command: str) -> argparse.ArgumentParser:
    """The real parser of a command, which does nothing for it."""
    made: list[argparse.ArgumentParser] = []

    def stop(parser: argparse.ArgumentParser, *_: object) -> None:
        made.append(parser)
        raise SystemExit

    with patch.object(argparse.ArgumentParser, "parse_args", stop), pytest.raises(SystemExit):
        import_module(f"scripts.{command}").main([])
    return made[0]


def typed(text: str) -> list[str]:
    """What a page's blocks without a language have one type, a command each."""
    shell = "".join(content for language, content in blocks(text) if not language).replace("\\\n", "")
    return [line for line in shell.splitlines() if line.strip() and not line.startswith(("#", "{", " "))]


def spans(text: str) -> list[str]:
    """What stands between single backticks outside of blocks."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", outside)]


def understood(line: str) -> bool:
    """Whether a typed line is a command that there is, with options that it has.

    Raises:
        SystemExit: its options are wrong.
    """
    program, *rest = shlex.split(line, comments=True)
    if line.startswith("python -m scripts."):
        parser_of(rest[1].removeprefix("scripts.")).parse_args(rest[2:])
        return True
    if program == "make":
        return re.search(rf"^{rest[0]}:", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE) is not None
    if program == "torchserve":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from ts.arg_parser import ArgParser

            return bool(ArgParser.ts_parser().parse_args(rest).ts_config)
    return line.startswith(OF_OTHERS)


@pytest.mark.parametrize(("page", "line"), [(page, line) for page, text in TEXTS.items() for line in typed(text)])
def test_what_a_page_has_one_type_is_understood(page: str, line: str) -> None:
    assert understood(line), f"{page}: {line}"


@pytest.mark.parametrize("line", ["make nothing", "rm -rf build", "torchserve --start"])
def test_what_is_no_command_of_ours_is_noticed(line: str) -> None:
    assert not understood(line)


@pytest.mark.parametrize("line", ["python -m scripts.predict --no-such-option", "python -m scripts.calibrate"])
def test_wrong_options_are_noticed(line: str) -> None:
    with pytest.raises(SystemExit) as left:
        understood(line)
    assert left.value.code == Exit.USAGE


@pytest.mark.parametrize("page", TEXTS)
def test_commands_named_in_a_sentence_have_these_options(page: str) -> None:
    for span in spans(TEXTS[page]):
        words = span.removeprefix("python -m scripts.").split()
        assert words[0] in COMMANDS or not span.startswith("python -m scripts.") or words[0] == "<name>", span
        if words[0] in COMMANDS:
            known = parser_of(words[0]).format_help().split("\nexamples:")[0]
            assert [word for word in words if word.startswith("--") and f"{word} " not in known] == [], span


def test_every_command_is_listed() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", TEXTS["scripts/README.md"], flags=re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_commands_show_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    main = import_module(f"scripts.{command}").main
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    assert "examples:" in capsys.readouterr().out
    with pytest.raises(SystemExit) as wrong:
        main(["--no-such-option"])
    assert wrong.value.code == Exit.USAGE
