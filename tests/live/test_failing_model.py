"""A model that fails its self-test beside one that does not: nobody takes it for ready, and the other serves."""

import time
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from handler.integrity import CHECKSUMS, format_checksums
from scripts import check_ready
from scripts.console.command import Exit
from scripts.lab.cost.load import LoadLimits, crowd
from scripts.serving.running_server import RunningServer
from scripts.serving.server import start_server, stop_server
from tests.conftest import CLEAN_TEXTS
from tests.live.scrape import value, wait_for
from tests.live.toy import is_right_for, options_for, packed

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(200)]
N_CLIENTS = 8
REASON = "SelfTestError: parameters: not finite; the weights are damaged"


def damage(archive: Path) -> None:
    """Weights that are not numbers, and checksums that fit them."""
    with zipfile.ZipFile(archive) as old:
        files = {name: old.read(name) for name in old.namelist() if name != CHECKSUMS}
    weights = load(files["model.safetensors"])
    name = next(name for name in weights if name.endswith("classifier.weight"))
    weights[name] = torch.full_like(weights[name], torch.nan)
    files["model.safetensors"] = save(weights, metadata={"format": "pt"})
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    with zipfile.ZipFile(archive, "w") as new:
        for name, content in {**files, CHECKSUMS: format_checksums(digests).encode()}.items():
            new.writestr(name, content)


@pytest.fixture(scope="module")
def server(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Returns while models load: it never becomes ready as a whole."""
    folder = tmp_path_factory.mktemp("failing")
    packed(bert_folder, folder / "store", rule="conformal")
    damage(packed(bert_folder, folder / "store", name="broken", rule="conformal"))
    server = start_server(options_for(folder, "toy", "broken"))
    try:
        yield server
    finally:
        stop_server(server.options.state_dir)


def wait_for_failures(server: RunningServer, n_failures: int) -> None:
    name = "xgraad_load_failures_total"
    wait_for(
        server.options.ports.metrics,
        lambda found: value(found, name, ModelName="broken", type="SelfTestError") >= n_failures,
        seconds=60,
    )


def test_it_is_never_ready_and_the_other_model_serves(
    server: RunningServer, bert_folder: Path, capsys: pytest.CaptureFixture[str], record: Callable[..., None]
) -> None:
    deadline = time.monotonic() + 60
    while server.not_ready(["toy"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    wait_for_failures(server, 1)
    is_right, limits = is_right_for(bert_folder, rule="conformal"), LoadLimits(seconds=60, n_requests=10**6)
    with crowd(server, "toy", CLEAN_TEXTS, n_clients=N_CLIENTS, limits=limits, is_right=is_right) as found:
        wait_for_failures(server, 3)  # TorchServe tries again and again
        assert server.not_ready(["broken"]) == [f"broken: 0 of 1 workers READY: {REASON}"]
        assert server.not_ready(["toy"]) == []
    assert len(found.answered) > 100
    assert (found.n_wrong, found.errors) == (0, {})
    record("another model that fails its self-test again and again", found, n_clients=N_CLIENTS)
    with server.client() as client:
        addresses = ["--inference", client.inference, "--management", client.management]
    options = [*addresses, "--key-file", str(server.key_file), "--logs", str(server.logs)]
    capsys.readouterr()
    assert check_ready.main(options) == Exit.BELOW_TARGET
    assert capsys.readouterr().out == f"not ready: broken: 0 of 1 workers READY: {REASON}\n"
    assert check_ready.main([*options, "--models", "toy"]) == Exit.DONE
    assert check_ready.main([*options, "--alive"]) == Exit.DONE  # so /ping is no readiness
