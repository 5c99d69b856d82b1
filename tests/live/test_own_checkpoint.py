"""README.md's way from a checkpoint to answers, run as it is printed: the commands in one shell, then the Python."""

import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from scripts.console.errors import LabError
from scripts.serving.running_server import record_file
from scripts.serving.server import stop_server
from scripts.serving.server_options import Ports
from tests.readme_files import PROJECT, README, blocks, section
from tests.toys import SENTENCES

pytestmark = pytest.mark.live

BLOCKS = blocks(section(README, "Serve a checkpoint of your own"))
LOOK = "\nprint(verdict.label, verdict.rule, len(verdict.suspects))\n"


@pytest.fixture
def place(bert_folder: Path, tmp_path: Path) -> Path:
    """A folder as its reader has it: an environment, a checkpoint without calibration, and clean texts."""
    shutil.copytree(bert_folder, tmp_path / "my-model", ignore=shutil.ignore_patterns("calibration.json"))
    texts = [f"{first} {second} {third}"[:150] for first, second, third in product(SENTENCES, SENTENCES, SENTENCES[:4])]
    rows = "".join(f"{text}\t{number % 2}\n" for number, text in enumerate(texts))
    (tmp_path / "clean.tsv").write_text(rows, encoding="utf-8")
    activate = tmp_path / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text(f'export PATH="{Path(sys.executable).parent}:$PATH"\n', encoding="utf-8")
    return tmp_path


def run(place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


def test_the_section_has_a_shell_and_a_python_block() -> None:
    assert [language for language, _ in BLOCKS] == ["", "python"]


def test_the_section_works_as_it_is_printed(place: Path) -> None:
    try:
        Ports().refuse_if_taken()
    except LabError as taken:
        pytest.skip(f"the README's server has the usual ports: {taken}")
    (_, shell), (_, python) = BLOCKS
    try:
        done = run(place, "bash", "-euo", "pipefail", "-c", shell)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    finally:
        if record_file(place / "build" / "serve").is_file():
            stop_server(place / "build" / "serve")
    assert (place / "calibration.json").is_file()
    assert (place / "model_store" / "sentiment.mar").is_file()
    assert '"undefended"' in done.stdout  # what curl showed
    assert "stopped the server" in done.stdout
    told = run(place, sys.executable, "-c", python + LOOK)
    assert told.returncode == 0, told.stderr
    assert re.fullmatch(r"LABEL_[01] verified \d+\n", told.stdout)


def test_the_python_block_needs_the_calibration_that_the_shell_block_writes(place: Path) -> None:
    told = run(place, sys.executable, "-c", BLOCKS[1][1])
    assert told.returncode != 0
    assert "calibration.json" in told.stderr
