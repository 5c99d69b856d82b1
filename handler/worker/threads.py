"""Several workers share the cores: each takes its part, so that no thread waits for another worker's."""

import os
from collections.abc import Mapping
from typing import Any

import torch

OPERATORS = "OMP_NUM_THREADS"
"""Where an operator has set this, it holds."""


def share_cores(model_config: Mapping[str, Any] | None, environment: Mapping[str, str] = os.environ) -> int:
    """Give this worker its part of the cores, never more threads than it has; returns how many it has then.

    Args:
        model_config: the content of model-config.yaml; it tells the number of workers.
        environment: of the process.
    """
    if OPERATORS not in environment:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        share = max(1, cores // n_workers(model_config))
        torch.set_num_threads(min(share, torch.get_num_threads()))
    return torch.get_num_threads()


def n_workers(model_config: Mapping[str, Any] | None) -> int:
    """Workers of the model, as its model-config.yaml says; one where it does not."""
    config = model_config or {}
    counts = [config.get(name) for name in ("minWorkers", "maxWorkers")]
    return max([1, *(count for count in counts if isinstance(count, int))])
