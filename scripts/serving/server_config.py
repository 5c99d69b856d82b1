"""The config.properties and the environment of one server, made from its options and the shipped profile."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.console.errors import LabError
from scripts.serving.archive_settings import read_archive_settings
from scripts.serving.server_options import LOOPBACK, PROJECT, ServerOptions

__all__ = [
    "PROJECT",
    "model_settings",
    "overrides",
    "refuse_conflicts",
    "render_config",
    "server_environment",
]


def refuse_conflicts(options: ServerOptions) -> None:
    """Raise where an archive fixes what the options want otherwise: TorchServe would follow the archive, silently."""
    wanted = {"batchSize": options.batch_size, "maxBatchDelay": options.max_batch_delay, "deviceType": options.device}
    if options.device == "cpu":
        del wanted["deviceType"]  # number_of_gpu=0 makes every device type mean the CPU
    for model in options.models:
        settings = read_archive_settings(options.archive(model)).settings
        for key, value in wanted.items():
            if value is not None and settings.get(key, value) != value:
                raise LabError(
                    f"{options.archive(model)} fixes {key}: {settings[key]}, wanted {value}; "
                    "TorchServe follows the archive, so build it again with the wanted value"
                )
        _refuse_absent_devices(options, model, settings)


def _refuse_absent_devices(options: ServerOptions, model: str, settings: Mapping[str, Any]) -> None:
    """An archive numbers the devices that the server may see, from 0 on."""
    fixed = settings.get("deviceIds") or []
    if options.device_ids and not set(fixed) <= set(range(len(options.device_ids))):
        raise LabError(
            f"{options.archive(model)} fixes deviceIds: {fixed}, and the server sees {len(options.device_ids)} "
            "device(s), which it numbers from 0; build it again without --device-ids, or with these numbers"
        )


def model_settings(options: ServerOptions) -> dict[str, dict[str, dict[str, Any]]]:
    """The `models` entry of config.properties: name -> version -> settings."""
    batching = {"batchSize": options.batch_size, "maxBatchDelay": options.max_batch_delay}
    shared = {
        "defaultVersion": True,
        "minWorkers": options.workers,
        "maxWorkers": options.workers,
        **{key: value for key, value in batching.items() if value is not None},
    }
    return {
        name: {read_archive_settings(options.archive(name)).version: {"marName": file, **shared}}
        for name, file in options.models.items()
    }


def overrides(options: ServerOptions) -> dict[str, str]:
    """The properties of this server that differ from the shipped profile."""
    ports, store = options.ports, options.model_store.resolve()
    properties = {
        "inference_address": f"http://{LOOPBACK}:{ports.inference}",
        "management_address": f"http://{LOOPBACK}:{ports.management}",
        "metrics_address": f"http://{LOOPBACK}:{ports.metrics}",
        "grpc_inference_port": str(ports.grpc_inference),
        "grpc_management_port": str(ports.grpc_management),
        "model_store": str(store),
        "metrics_config": str(PROJECT / "handler" / "metrics.yaml"),
        "allowed_urls": f"file://{re.escape(str(store))}/.*",
        "load_models": ",".join(f"{name}={file}" for name, file in options.models.items()),
        "models": json.dumps(model_settings(options)),
        "disable_token_authorization": str(not options.token_auth).lower(),
    }
    if options.device == "cpu":
        properties["number_of_gpu"] = "0"
    return properties


def render_config(options: ServerOptions, *, profile: str) -> str:
    """The text of config.properties for one server: `profile` with this server's properties in place of its own."""
    properties = overrides(options)
    kept = [line for line in profile.splitlines() if line.partition("=")[0].strip() not in properties]
    added = [f"{key}={value.replace(chr(92), chr(92) * 2)}" for key, value in properties.items()]
    return "\n".join([*kept, "", "# This server", *added, ""])


def server_environment(options: ServerOptions, *, java_home: Path, python: Path, temp_dir: Path) -> dict[str, str]:
    """The environment of the server and its workers.

    The workers share the cores: with PyTorch's default of one thread per core each, N workers would run N times as
    many threads as there are cores. An operator's own OMP_NUM_THREADS holds.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    environment = {
        **os.environ,
        "JAVA_HOME": str(java_home),
        "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "TMPDIR": str(temp_dir),
        "TEMP": str(temp_dir),
        "HF_HUB_OFFLINE": "1",
    }
    environment.setdefault("OMP_NUM_THREADS", str(max(1, cores // (options.workers * len(options.models)))))
    if options.state_home is not None:
        environment["XDG_STATE_HOME"] = str(options.state_home.resolve())
    if options.device_ids:
        # TorchServe reads device ids from the archive only, but it counts and numbers the devices named here.
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, options.device_ids))
    return environment
