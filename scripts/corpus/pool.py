"""Ray, started here on this machine or joined by address, and its pool of workers. What schedules is Ray Data.

`set_ray_environment` comes before the import of this module.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray
import ray.data

from handler.xgraad.errors import reason
from scripts.console.errors import LabError
from scripts.corpus.screener import Pass, Receipt, Screener

OBJECT_STORE_BYTES = 100 * 2**20
"""Numbers of shards and receipts are all that workers and driver pass to one another."""
LOOPBACK = "127.0.0.1"
PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """Who judges."""

    n_workers: int = 1
    n_gpus: int = 0
    """Of the workers, each of which then has one; 0 for the CPU."""
    address: str | None = None
    """Of a cluster, HOST:PORT; None for a Ray of one's own on this machine."""

    @property
    def device(self) -> str:
        """Where a worker's model is."""
        return "cuda" if self.n_gpus else "cpu"


@contextmanager
def started(options: PoolOptions) -> Iterator[None]:
    """A Ray that ends with the block, or a cluster that one is joined to for so long.

    A Ray of one's own listens on the loopback address alone, and leaves nothing behind.
    """
    with TemporaryDirectory(prefix="xg-", ignore_cleanup_errors=True) as folder:
        try:
            ray.init(**(_joined(options.address) if options.address else _own(options, folder)))
        except Exception as error:  # Ray raises all kinds, that of no name included
            where = f"at {options.address} must be there to be joined" if options.address else "must start here"
            raise LabError(f"Ray {where}: {reason(error)}; run the same command again") from error
        try:
            yield
        finally:
            ray.shutdown()


def screened(task: Pass, numbers: Sequence[int], options: PoolOptions) -> Iterator[Receipt]:
    """Receipts of the shards with these numbers, as they are done, in any order.

    A worker that dies is replaced, and its shard is judged by another.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    rows = ray.data.from_items([{"shard": number} for number in numbers], override_num_blocks=len(numbers))
    receipts = rows.map_batches(
        Screener,
        fn_constructor_args=(task,),
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(size=min(options.n_workers, len(numbers))),
        num_cpus=1,
        num_gpus=1 if options.n_gpus else None,
    )
    for row in receipts.iter_rows():
        yield Receipt(**row)


def _own(options: PoolOptions, folder: str) -> dict[str, Any]:
    return {
        "num_cpus": options.n_workers,
        "num_gpus": options.n_gpus,
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
        "_node_ip_address": LOOPBACK,
        "_temp_dir": folder,
        **_QUIET,
    }


def _joined(address: str | None) -> dict[str, Any]:
    """The project's code travels: a cluster's machines need what requirements-ray.txt has, and the files."""
    packages = [str(PROJECT / name) for name in ("handler", "scripts")]
    environment = {"py_modules": packages, "env_vars": {"HF_HUB_OFFLINE": "1"}}
    return {"address": address, "runtime_env": environment, **_QUIET}


_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
