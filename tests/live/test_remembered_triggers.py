"""Two workers of a real server and one registry: what was remembered before holds for both, and so does a change."""

import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from handler.xgraad import Defense, Verdict
from scripts import build_archive, triggers
from scripts.console.command import Exit
from scripts.serving.client import Client
from scripts.serving.served_defense import ServedDefense
from scripts.serving.server import serving
from scripts.serving.server_options import Ports, ServerOptions, archives_named

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
TEXTS = [f"a film {number}" for number in range(32)]


@pytest.fixture(scope="module")
def options(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ServerOptions:
    folder = tmp_path_factory.mktemp("remembered")
    paths = ["--checkpoint", str(bert_folder), "--calibration", str(bert_folder / "calibration.json")]
    build = ["--name", "toy", *paths, "--model-store", str(folder / "store"), "--batch-size", "1"]
    assert build_archive.main(build) == Exit.DONE
    return ServerOptions(
        model_store=folder / "store",
        models=archives_named(["toy"]),
        workers=2,
        ports=Ports.free(),
        state_dir=folder,
        state_home=folder / "home",
    )


def told(action: str, bert_folder: Path, label: int) -> int:
    """What an operator types."""
    return triggers.main([action, "--checkpoint", str(bert_folder), "--label", str(label), "film"])


def ask(client: Client, texts: list[str]) -> tuple[list[Verdict], dict[str, Any]]:
    """Verdicts from both workers, and what one of them says of its registry."""
    description = client.describe("toy") or {}
    return ServedDefense(client, "toy")(texts), description["customizedMetadata"]["defense"]["registry"]


def test_both_workers_know_what_is_remembered(
    options: ServerOptions, bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(options.state_home))
    labels = [verdict.label_id for verdict in Defense.load(bert_folder)(TEXTS)]
    label, count = Counter(labels).most_common(1)[0]
    texts = [text for text, own in zip(TEXTS, labels, strict=True) if own == label]
    assert count >= 16  # enough for both workers to get some
    assert told("add", bert_folder, label) == Exit.DONE  # as if by workers that ended before
    with serving(options) as server, server.client(timeout_s=30) as client:
        verdicts, registry = ask(client, texts)
        assert registry == {"n_triggers": 1, "is_shared": True}
        assert all(verdict.verified for verdict in verdicts)
        assert all("film" in {suspect.word for suspect in verdict.suspects} for verdict in verdicts)
        assert told("delete", bert_folder, label) == Exit.DONE
        verdicts, registry = ask(client, texts)
        assert registry == {"n_triggers": 0, "is_shared": True}
        assert not any(verdict.verified for verdict in verdicts)
        assert told("add", bert_folder, label) == Exit.DONE
        assert all(verdict.verified for verdict in ask(client, texts)[0])
        files = [file for file in (options.state_home or Path()).rglob("*") if file.is_file()]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
