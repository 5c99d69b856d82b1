"""Workers that load an archive, each a process of its own, forked from one that has imported the libraries.

A worker takes seconds to import torch and transformers, and a test of what it loads is about neither.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

PROGRAM = """
import json, os, sys, traceback
import torch, transformers.modeling_utils, transformers.models.auto.modeling_auto
from ts.model_loader import TsModelLoader

def grow(folder, out, err):
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    os.environ["XDG_STATE_HOME"] = os.path.dirname(folder)
    sys.path.insert(0, folder)
    TsModelLoader().load("toy", folder, "xgraad_handler.py", None, 1)
    print("loaded")

for line in sys.stdin:
    if not (child := os.fork()):
        code = 1
        try:
            grow(*json.loads(line))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Loaded(NamedTuple):
    """What came of it."""

    code: int
    """0, or 1 where it was refused."""
    stdout: str
    """Ends with "loaded" where it was."""
    stderr: str


Load = Callable[[Path], Loaded]


@contextmanager
def nursery() -> Iterator[Load]:
    """What has a new worker load a model directory, as TorchServe does; it works until the block ends.

    A worker finds no package of ours but those in the folder that it loads. The files of what it printed lie beside it.
    """
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command, env={"PATH": "/usr/bin"}, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield partial(_load, process)


def _load(process: "subprocess.Popen[str]", folder: Path) -> Loaded:
    out, err = (folder.parent / f"worker.{stream}" for stream in ("stdout", "stderr"))
    for each in (out, err):
        each.unlink(missing_ok=True)
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps([str(folder), str(out), str(err)]) + "\n")
    process.stdin.flush()
    return Loaded(int(process.stdout.readline()), out.read_text(), err.read_text())
