"""What a server is told: which archives, how many workers, on which device and ports."""

import re
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Self

from scripts.console.errors import LabError

LOOPBACK = "127.0.0.1"
PROJECT = Path(__file__).resolve().parents[2]
PROFILES = {
    "hardened": PROJECT / "config.properties",
    "development": PROJECT / "deploy" / "development.properties",
}
ADDRESS_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-.]*")
NAME_RULE = "letters, digits, '_', '-' and '.', the first a letter or digit"
"""Of names and versions of models: both are parts of addresses."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The five ports of one server, all on the loopback address."""

    inference: int = 8080
    management: int = 8081
    metrics: int = 8082
    grpc_inference: int = 7070
    grpc_management: int = 7071

    @classmethod
    def free(cls) -> Self:
        """Five ports that nobody listens on now; held open together, so that they differ."""
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(5)]
            for each in sockets:
                each.bind((LOOPBACK, 0))
            return cls.in_order(each.getsockname()[1] for each in sockets)

    @classmethod
    def from_base(cls, base: int) -> Self:
        """Five ports in a row from `base` up: inference, management, metrics, gRPC inference, gRPC management."""
        if not 1024 <= base <= 65531:
            raise LabError(f"port base must be between 1024 and 65531, got {base}")
        return cls.in_order(range(base, base + 5))

    @classmethod
    def in_order(cls, numbers: Iterable[int]) -> Self:
        """The ports from five numbers, in the order of the fields."""
        inference, management, metrics, grpc_inference, grpc_management = numbers
        return cls(
            inference=inference,
            management=management,
            metrics=metrics,
            grpc_inference=grpc_inference,
            grpc_management=grpc_management,
        )

    def refuse_if_taken(self) -> None:
        """Raise when somebody already listens on one of the ports."""
        for use, port in asdict(self).items():
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, port)) == 0:
                    raise LabError(f"{use} port {port} is in use; stop its owner or choose others with --port-base")


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """One server: which archives it serves, with how many workers each, where, and how it is reached.

    `batch_size` and `max_batch_delay` (milliseconds) of None leave the choice to the archive.
    `device_ids` are the CUDA devices that the server may see; empty means all of them.
    """

    model_store: Path
    models: Mapping[str, str]
    """Model name -> file name of its archive in the model store."""
    workers: int = 1
    """Workers per model."""
    device: Literal["cpu", "gpu"] = "cpu"
    device_ids: tuple[int, ...] = ()
    ports: Ports = field(default_factory=Ports)
    batch_size: int | None = None
    max_batch_delay: int | None = None
    state_dir: Path = Path("build/serve")
    token_auth: bool = True
    profile: str = "hardened"
    """The config.properties to start from, one of `PROFILES`."""
    state_home: Path | None = None
    """Where the workers remember triggers unless an archive says otherwise; None is the user's own XDG_STATE_HOME."""

    def __post_init__(self) -> None:
        if not self.models:
            raise LabError("models must name at least one archive, got none")
        for name in self.models:
            if not is_address_part(name):
                raise LabError(f"model name must be {NAME_RULE}, got {name!r}")
        if self.profile not in PROFILES:
            raise LabError(f"profile must be one of {', '.join(PROFILES)}, got {self.profile!r}")
        if self.workers < 1:
            raise LabError(f"workers must be 1 or more, got {self.workers}")
        if self.device_ids and self.device != "gpu":
            raise LabError(f"device_ids need device gpu, got device {self.device} with ids {list(self.device_ids)}")

    def archive(self, model: str) -> Path:
        """The archive file of `model`."""
        return self.model_store / self.models[model]


def is_address_part(text: str) -> bool:
    """Whether a model may have this as its name or version, see `NAME_RULE`."""
    return bool(ADDRESS_PART.fullmatch(text))


def archives_named(names: Iterable[str]) -> dict[str, str]:
    """The `models` of options where each archive is called like its model: NAME -> NAME.mar."""
    return {name: f"{name}.mar" for name in names}
