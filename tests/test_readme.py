"""The README files tell the truth: tables come from results/; settings, metrics, replies, files and links exist."""

import json
import re
from pathlib import Path

import pytest
import yaml

from handler.settings import Settings
from handler.xgraad import RULES
from scripts import update_readme
from scripts.console.command import Exit
from tests.readme_files import PROJECT, README, TEXTS, blocks, section

HANDLER, DEPLOY = TEXTS["handler/README.md"], TEXTS["deploy/README.md"]
MOST_WORDS = 1600
"""Of the README, tables included: what is looked up stands beside what it describes."""


@pytest.mark.parametrize("page", update_readme.PAGES, ids=str)
def test_tables_equal_the_results(page: Path) -> None:
    options = [str(PROJECT / page), "--results", str(PROJECT / "results"), "--check"]
    assert update_readme.main(options) == Exit.DONE


def test_a_changed_table_is_noticed(tmp_path: Path) -> None:
    changed = tmp_path / "README.md"
    changed.write_text(README.replace("| --- |", "| --- | --- |", 1))
    options = [str(changed), "--results", str(PROJECT / "results"), "--check"]
    assert update_readme.main(options) == Exit.BELOW_TARGET


def test_every_readme_has_its_tables_made() -> None:
    folders = ("[a-z]*", "deploy/*")
    found = {path.relative_to(PROJECT) for folder in folders for path in PROJECT.glob(f"{folder}/README.md")}
    found |= {Path("README.md")}
    assert set(update_readme.PAGES) == found


def test_a_stranger_has_five_minutes() -> None:
    assert len(README.split()) < MOST_WORDS


def anchors(text: str) -> set[str]:
    """What links can name: the headings, in lower case and with hyphens."""
    return {title.lower().replace(" ", "-") for title in re.findall(r"^#+ ([\w ]+)$", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", TEXTS[page]):
        path, _, anchor = link.partition("#")
        target = (PROJECT / page).parent / path
        assert target.is_file() or (target / "README.md").is_file(), f"{page}: {link}"
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), f"{page}: {link}"


@pytest.mark.parametrize("page", TEXTS)
def test_files_named_are_there(page: str) -> None:
    named = re.findall(r"`((?:handler|scripts|deploy|tests|results)/[\w./-]+)`", TEXTS[page])
    assert [name for name in named if not (PROJECT / name).exists()] == []


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_documented(rule: str) -> None:
    assert f"`{rule}`" in HANDLER


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    table = section(HANDLER, "Settings").split("\n### ")[0]
    (shown,) = re.findall(rf"^\| `{name}` \| (.*?) \|", table, flags=re.MULTILINE)
    default = Settings.model_fields[name].default
    if name == "noise_key":
        assert shown == "of the package"
    else:
        assert shown == ("none" if default is None else f"`{str(default).lower()}`")


def test_every_metric_is_documented() -> None:
    declared = yaml.safe_load((PROJECT / "handler/metrics.yaml").read_text(encoding="utf-8"))["model_metrics"]
    names = {metric["name"] for kind in declared.values() for metric in kind}
    listed = re.findall(r"^\| `(xgraad_\w+)` \|", DEPLOY, flags=re.MULTILINE)
    assert sorted(listed) == sorted(name for name in names if name.startswith("xgraad_"))


def test_the_reply_shown_has_what_the_api_has() -> None:
    schemas = yaml.safe_load((PROJECT / "deploy/openapi.yaml").read_text(encoding="utf-8"))["components"]["schemas"]
    _, _, after = [json.loads(content) for language, content in blocks(README) if language == "json"]
    explained = {"words", "importances", "explanation"}
    assert set(after) == set(schemas["Answer"]["properties"]) - explained
    assert set(after["defense"]) == set(schemas["Defense"]["properties"]) - {"neutralized_text_pair"}
    listed = re.findall(r"^\| (`.*?`) \|", section(HANDLER, "What comes out"), flags=re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(listed))) == {*after, *after["defense"]} - {"defense"}


def test_the_reply_shown_is_about_the_request_shown() -> None:
    request, before, after = [json.loads(content) for language, content in blocks(README) if language == "json"]
    (suspect,) = after["defense"]["suspects"]
    start, end = suspect["start"], suspect["end"]
    assert before == after["defense"]["undefended"]
    assert request["text"][start:end] == suspect["word"]
    assert after["defense"]["neutralized_text"] == request["text"][:start] + request["text"][end:]
