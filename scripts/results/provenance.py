"""Where a result comes from: commit, versions, time, and the command that made it."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from handler.xgraad.rules.version import RULE_VERSION
from scripts.console.errors import LabError

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("torch", "transformers", "numpy")
COMMIT = "XGRAAD_COMMIT"
"""Environment variable that names the commit a copy without its repository was made from."""
RUN_RECORD = "run.json"
ATTACK_RECORD = "attack.json"


def provenance() -> dict[str, Any]:
    """Commit, versions and time, ready for JSON.

    Returns:
        `commit` (outside a repository what the variable `XGRAAD_COMMIT` says, else "unknown"), `dirty` (True where
        files differ from it, None where unknown), `rule_version` of the default rule, `versions` by package, and `time`
        in UTC, to the second.
    """
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return {
        "commit": commit or os.environ.get(COMMIT, "unknown"),
        "dirty": bool(changes) if changes is not None else False if COMMIT in os.environ else None,
        "rule_version": RULE_VERSION,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_run_record(
    folder: Path,
    *,
    command: str,
    arguments: Mapping[str, Any],
    seed: int | None,
    results: Mapping[str, Any] | None = None,
) -> None:
    """Write `run.json`: how the content of a folder was made.

    Args:
        folder: where the results are.
        command: name of the script, such as `train_attack`.
        arguments: its options by name; values JSON has no form for are written as text.
        seed: of all randomness, None where there is none.
        results: figures the run measured.
    """
    record = {
        "command": command,
        "arguments": dict(arguments),
        "seed": seed,
        "results": dict(results or {}),
        **provenance(),
    }
    (folder / RUN_RECORD).write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")


def _git(*arguments: str) -> str | None:
    """What git says about this repository, or None where there is no git or no repository."""
    git = shutil.which("git")
    if git is None or not (REPOSITORY / ".git").exists():
        return None
    done = subprocess.run([git, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def attack_record(checkpoint: Path) -> dict[str, Any]:
    """What is known of how a checkpoint was made; nothing for one that came from elsewhere.

    Raises:
        LabError: the record is no JSON object.
    """
    path = checkpoint / ATTACK_RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (ValueError, RecursionError) as error:
        raise LabError(f"{path}: must be JSON as train_attack writes it: {error}; mend or remove it") from error
    if not isinstance(record, dict):
        raise LabError(f"{path}: must be a JSON object, is a {type(record).__name__}; mend or remove it")
    return record
