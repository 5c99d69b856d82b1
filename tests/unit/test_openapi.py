"""The document of the API knows every error that the handler answers with, and every action."""

import re
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
OPENAPI = yaml.safe_load((DEPLOY / "openapi.yaml").read_text(encoding="utf-8"))


def test_the_api_lists_every_error_that_the_handler_answers_with() -> None:
    sources = [path.read_text() for path in (PROJECT / "handler").rglob("*.py") if path.name != "reading.py"]
    pattern = r'(?:RefusedError\(\s*\d{3}(?: if \w+ else \d{3})?,|kind=)\s*"(\w+)"(?: if \w+ else "(\w+)")?'
    kinds = {kind for source in sources for found in re.findall(pattern, source) for kind in found if kind}
    assert {"too_many_texts", "empty", "trigger_blocked", "defense_failed"} <= kinds
    assert kinds == set(OPENAPI["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["type"]["enum"])


def test_the_api_knows_every_action() -> None:
    """But that of a blocked text, which is answered with an error."""
    from handler.answers.policy import ServedAction

    schema = OPENAPI["components"]["schemas"]["Defense"]["properties"]["action"]
    assert set(schema["enum"]) == set(map(str, ServedAction)) - {"blocked"}
