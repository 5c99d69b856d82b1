import json
import os
import re
import socket
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from scripts import serve
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.serving.running_server import RunningServer, WorkerStatus, still_runs
from scripts.serving.server import java_home, server_status, start_server, stop_server
from scripts.serving.server_config import PROJECT, overrides, refuse_conflicts, render_config, server_environment
from scripts.serving.server_options import PROFILES, Ports, ServerOptions, archives_named

PROFILE = (PROJECT / "config.properties").read_text(encoding="utf-8")


def write_archive(path: Path, *, version: str = "1.0", config: str | None = None) -> None:
    model = {"modelName": path.stem, "modelVersion": version}
    with zipfile.ZipFile(path, "w") as archive:
        if config is not None:
            archive.writestr("model-config.yaml", config)
            model["configFile"] = "model-config.yaml"
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": model}))


@pytest.fixture
def options(tmp_path: Path) -> ServerOptions:
    store = tmp_path / "store"
    store.mkdir()
    write_archive(store / "guard.mar", version="2.1")
    return ServerOptions(model_store=store, models=archives_named(["guard"]), workers=2, state_dir=tmp_path / "state")


def properties(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = [line.partition("=")[::2] for line in lines]
    assert len(dict(pairs)) == len(pairs), "a property is set twice"
    return dict(pairs)


def test_shipped_profile_is_closed() -> None:
    profile = properties(PROFILE)
    addresses = {key: value for key, value in profile.items() if key.endswith("_address")}
    assert len(addresses) == 5
    assert all("127.0.0.1" in value for value in addresses.values())
    assert profile["disable_token_authorization"] == "false"
    assert profile["enable_model_api"] == "false"
    assert profile["allowed_urls"].startswith("file://")
    assert "http" not in profile["allowed_urls"]


def test_config_keeps_the_profile_and_replaces_what_differs(options: ServerOptions) -> None:
    ports = Ports.from_base(20000)
    config = properties(render_config(replace(options, ports=ports, batch_size=4), profile=PROFILE))
    assert config["inference_address"] == "http://127.0.0.1:20000"
    assert config["grpc_management_port"] == "20004"
    assert config["disable_system_metrics"] == "true"
    assert config["load_models"] == "guard=guard.mar"
    assert config["number_of_gpu"] == "0"
    assert json.loads(config["models"]) == {
        "guard": {
            "2.1": {"marName": "guard.mar", "defaultVersion": True, "minWorkers": 2, "maxWorkers": 2, "batchSize": 4}
        }
    }


def test_config_names_the_metrics_file_by_its_full_path(options: ServerOptions) -> None:
    metrics = Path(properties(render_config(options, profile=PROFILE))["metrics_config"])
    assert metrics.is_absolute()
    assert metrics.is_file()


def test_allowed_urls_match_the_model_store_alone(options: ServerOptions, tmp_path: Path) -> None:
    store = tmp_path / "a.b"
    options.model_store.rename(store)
    config = properties(render_config(replace(options, model_store=store), profile=PROFILE))
    pattern = config["allowed_urls"].replace("\\\\", "\\")  # as Java reads a properties file
    assert re.fullmatch(pattern, f"file://{store}/guard.mar")
    assert not re.fullmatch(pattern, f"file://{tmp_path}/axb/guard.mar")
    assert not re.fullmatch(pattern, f"https://{store}/guard.mar")


def test_token_authorization_and_gpus_follow_the_options(options: ServerOptions) -> None:
    assert overrides(options)["disable_token_authorization"] == "false"
    free = overrides(replace(options, token_auth=False, device="gpu"))
    assert free["disable_token_authorization"] == "true"
    assert "number_of_gpu" not in free


def test_workers_share_the_cores(options: ServerOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def threads(workers: int) -> int:
        wanted = replace(options, workers=workers, device="gpu", device_ids=(2, 0))
        environment = server_environment(
            wanted, java_home=Path("/jre"), python=Path("/venv/bin/python"), temp_dir=Path("/private")
        )
        assert environment["CUDA_VISIBLE_DEVICES"] == "2,0"
        assert environment["TMPDIR"] == environment["TEMP"] == "/private"
        assert environment["HF_HUB_OFFLINE"] == "1"
        assert environment["PATH"].startswith("/venv/bin" + os.pathsep)
        return int(environment["OMP_NUM_THREADS"])

    assert threads(1) >= 1
    assert threads(10_000) == 1
    assert threads(2) * 2 <= max(2, threads(1))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert threads(2) == 7  # the operator's own


def test_workers_remember_where_the_server_is_told(options: ServerOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/users/own")
    places = {"java_home": Path("/java"), "python": Path("/venv/bin/python"), "temp_dir": Path("/private")}
    assert server_environment(options, **places)["XDG_STATE_HOME"] == "/users/own"
    told = replace(options, state_home=Path("/demo/state"))
    assert server_environment(told, **places)["XDG_STATE_HOME"] == "/demo/state"


def test_archive_that_fixes_another_batch_size_is_refused(options: ServerOptions) -> None:
    write_archive(options.archive("guard"), config="batchSize: 8\ndeviceType: cpu\n")
    refuse_conflicts(options)
    refuse_conflicts(replace(options, batch_size=8))
    with pytest.raises(LabError, match="fixes batchSize: 8, wanted 4"):
        refuse_conflicts(replace(options, batch_size=4))
    with pytest.raises(LabError, match="fixes deviceType: cpu, wanted gpu"):
        refuse_conflicts(replace(options, device="gpu"))


def test_an_archive_for_devices_that_the_server_does_not_see_is_refused(options: ServerOptions) -> None:
    write_archive(options.archive("guard"), config="deviceIds: [2, 3]\n")
    seen = replace(options, device="gpu", device_ids=(2, 3))
    with pytest.raises(LabError, match=r"fixes deviceIds: \[2, 3\], and the server sees 2 device"):
        refuse_conflicts(seen)
    write_archive(options.archive("guard"), config="deviceIds: [0, 1]\n")
    refuse_conflicts(seen)


@pytest.mark.parametrize(("given", "workers"), [(["--workers-per-device", "2"], 6), (["--workers", "2"], 2)])
def test_workers_are_counted_per_device_or_over_all(
    monkeypatch: pytest.MonkeyPatch, given: list[str], workers: int
) -> None:
    started: list[ServerOptions] = []

    def start(options: ServerOptions) -> None:
        started.append(options)
        raise LabError("far enough")

    monkeypatch.setattr(serve, "start_server", start)
    options = ["start", "--models", "a", "--device", "gpu", "--device-ids", "0,1,3"]
    assert serve.main([*options, *given]) == Exit.ERROR
    assert (started[0].workers, started[0].device_ids) == (workers, (0, 1, 3))


@pytest.mark.parametrize("given", [["--workers-per-device", "2"], ["--device-ids", "0,0"], ["--device-ids", "0,a"]])
def test_device_options_that_mean_nothing_are_bad_usage(given: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        serve.main(["start", "--models", "a", *given])
    assert left.value.code == Exit.USAGE


def test_development_profile_opens_the_api_and_no_port(options: ServerOptions) -> None:
    profile = properties(PROFILES["development"].read_text(encoding="utf-8"))
    hardened = properties(PROFILE)
    differing = {key for key in profile | hardened if profile.get(key) != hardened.get(key)}
    assert differing == {
        "disable_token_authorization",
        "token_expiration_min",
        "enable_model_api",
        "default_response_timeout",
        "default_startup_timeout",
    }
    with pytest.raises(LabError, match="profile must be one of hardened, development, got 'open'"):
        replace(options, profile="open")


def test_missing_and_broken_archives_are_refused(options: ServerOptions) -> None:
    with pytest.raises(LabError, match=r"no archive .*other\.mar; make one with"):
        refuse_conflicts(replace(options, models=archives_named(["other"])))
    options.archive("guard").write_bytes(b"not a zip")
    with pytest.raises(LabError, match="is not a TorchServe archive"):
        refuse_conflicts(options)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"model": {"modelName": "guard"}}, "must hold a modelVersion, has none; build it again"),
        ({"model": {"modelVersion": "2 final/x"}}, "modelVersion must be letters, digits.*is '2 final/x'"),
        ({"model": []}, "is not a TorchServe archive"),
        ([], "is not a TorchServe archive"),
        ({"model": {"modelVersion": "1.0", "configFile": "none.yaml"}}, "is not a TorchServe archive"),
    ],
)
def test_archives_without_a_usable_version_get_one_line(options: ServerOptions, manifest: object, reason: str) -> None:
    with zipfile.ZipFile(options.archive("guard"), "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
    with pytest.raises(LabError, match=reason) as caught:
        refuse_conflicts(options)
    assert len(str(caught.value).splitlines()) == 1


def test_a_configuration_that_is_no_mapping_gets_one_line(options: ServerOptions) -> None:
    write_archive(options.archive("guard"), config="- 1\n")
    with pytest.raises(LabError, match=r"model-config\.yaml must be a mapping, is a list"):
        refuse_conflicts(options)


def test_impossible_options_are_refused(options: ServerOptions) -> None:
    with pytest.raises(LabError, match="workers must be 1 or more, got 0"):
        replace(options, workers=0)
    with pytest.raises(LabError, match="at least one archive"):
        replace(options, models={})
    with pytest.raises(LabError, match=r"got '\.\./x'"):
        replace(options, models=archives_named(["../x"]))
    with pytest.raises(LabError, match=r"device_ids need device gpu, got device cpu with ids \[0\]"):
        replace(options, device_ids=(0,))


def test_free_ports_differ_and_can_be_used() -> None:
    ports = Ports.free()
    assert len(set(asdict(ports).values())) == 5
    ports.refuse_if_taken()


def test_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(LabError, match=f"metrics port {port} is in use"):
            replace(Ports.free(), metrics=port).refuse_if_taken()


@pytest.mark.parametrize("base", [80, 65532])
def test_port_base_must_leave_room(base: int) -> None:
    with pytest.raises(LabError, match=f"between 1024 and 65531, got {base}"):
        Ports.from_base(base)


def recorded(options: ServerOptions, *, pid: int, created: float) -> RunningServer:
    options.state_dir.mkdir()
    server = RunningServer(
        options=options, pid=pid, created=created, temp_dir=options.state_dir / "tmp", key_file=Path("keys")
    )
    server.save()
    return server


def test_record_survives_the_file(options: ServerOptions) -> None:
    server = recorded(options, pid=1, created=2.0)
    assert RunningServer.load(options.state_dir) == server


def test_broken_record_is_refused(options: ServerOptions) -> None:
    options.state_dir.mkdir()
    (options.state_dir / "server.json").write_text('{"pid": "none"}')
    with pytest.raises(LabError, match=r"server\.json must be written by"):
        RunningServer.load(options.state_dir)


def test_process_with_a_reused_number_is_not_the_server(options: ServerOptions) -> None:
    ours = psutil.Process()
    assert still_runs(ours)
    server = recorded(options, pid=ours.pid, created=ours.create_time())
    assert server.process() == ours
    assert replace(server, created=ours.create_time() - 60).process() is None


def test_stop_leaves_strangers_alone_and_clears_the_record(options: ServerOptions) -> None:
    ours = psutil.Process()
    recorded(options, pid=ours.pid, created=ours.create_time() - 60)
    assert not server_status(options.state_dir).running
    stop_server(options.state_dir)
    assert ours.is_running()
    with pytest.raises(LabError, match="no server was started from"):
        stop_server(options.state_dir)


def test_second_server_in_the_same_state_is_refused(options: ServerOptions) -> None:
    ours = psutil.Process()
    recorded(replace(options, ports=Ports.free()), pid=ours.pid, created=ours.create_time())
    with pytest.raises(LabError, match=r"runs from .* already; stop it first"):
        start_server(replace(options, ports=Ports.free()))


def test_worker_device_comes_from_the_description() -> None:
    entry = {"id": "9000", "status": "READY", "pid": 0, "gpu": True, "gpuUsage": "gpuId::3 index::0"}
    assert WorkerStatus.read("guard", entry).device == "cuda:3"
    assert WorkerStatus.read("guard", entry | {"gpu": False, "gpuUsage": "N/A"}).device == "cpu"


def test_ready_means_every_wanted_worker_and_no_other(options: ServerOptions) -> None:
    server = recorded(options, pid=1, created=2.0)
    worker = WorkerStatus.read("guard", {"id": "9000", "status": "READY"})
    assert server.all_ready([worker, worker])
    assert not server.all_ready([worker])
    assert not server.all_ready([worker, worker, worker])
    assert not server.all_ready([worker, replace(worker, status="UNLOADING")])


def test_java_home_is_kept_only_when_it_holds_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert (java_home() / "bin" / "java").is_file()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    assert java_home() == tmp_path


def test_serve_without_models_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        serve.main(["start"])
    assert left.value.code == Exit.USAGE
    assert "start needs --models" in capsys.readouterr().err


def test_status_and_stop_without_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["status", "--state", str(tmp_path)]) == Exit.BELOW_TARGET
    assert serve.main(["stop", "--state", str(tmp_path)]) == Exit.ERROR
    assert "no server was started from" in capsys.readouterr().err


def test_every_path_of_the_profile_exists() -> None:
    """A missing metrics file does not keep TorchServe from starting, it keeps every worker from it."""
    named = {key: value for key, value in properties(PROFILE).items() if key in ("metrics_config", "model_store")}
    assert named
    assert {value for value in named.values() if not (PROJECT / value).exists()} == set()
