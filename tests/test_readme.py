"""The README tells the truth: its tables come from results/, its commands and settings exist."""

import re
from pathlib import Path

import pytest

from handler.settings import Settings
from handler.xgraad import RULES
from scripts import update_readme
from scripts.lab.command import Exit

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", update_readme.PAGES, ids=str)
def test_tables_equal_the_results(page: Path) -> None:
    options = [str(PROJECT / page), "--results", str(PROJECT / "results"), "--check"]
    assert update_readme.main(options) == Exit.DONE


def test_a_changed_table_is_noticed(tmp_path: Path) -> None:
    changed = tmp_path / "README.md"
    changed.write_text(README.replace("| --- |", "| --- | --- |", 1))
    options = [str(changed), "--results", str(PROJECT / "results"), "--check"]
    assert update_readme.main(options) == Exit.BELOW_TARGET


def test_every_command_named_exists() -> None:
    named = set(re.findall(r"python -m scripts\.(\w+)", README)) - {"<name>"}
    assert named
    assert {name for name in named if not (PROJECT / "scripts" / f"{name}.py").is_file()} == set()
    table = README.split("## Commands")[1].split("## ")[0]
    listed = set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE))
    assert listed == {path.stem for path in (PROJECT / "scripts").glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("name", [*Settings.model_fields, *RULES])
def test_every_setting_and_rule_is_documented(name: str) -> None:
    assert f"`{name}`" in README


def test_commands_show_help_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib import import_module

    for path in sorted((PROJECT / "scripts").glob("[a-z]*.py")):
        with pytest.raises(SystemExit) as done:
            import_module(f"scripts.{path.stem}").main(["--help"])
        assert done.value.code == 0
        assert "examples:" in capsys.readouterr().out
        with pytest.raises(SystemExit) as wrong:
            import_module(f"scripts.{path.stem}").main(["--no-such-option"])
        assert wrong.value.code == Exit.USAGE
