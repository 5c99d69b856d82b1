"""A toy model on a real server, and what it must answer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from handler.worker.threads import OPERATORS
from handler.xgraad import Defense
from handler.xgraad.learned.audit import Audit
from scripts.lab.cost.load import IsRight
from scripts.packing.archive import ArchiveOptions, build_archive
from scripts.serving.server_options import Ports, ServerOptions, archives_named
from tests.conftest import CLEAN_TEXTS

QUICK: Mapping[str, Any] = {"batchSize": 8, "maxBatchDelay": 10}


def packed(
    checkpoint: Path,
    store: Path,
    *,
    name: str = "toy",
    server: Mapping[str, Any] = QUICK,
    audit: Audit | None = None,
    **section: Any,
) -> Path:
    """An archive `name.mar` in `store`, with these settings for TorchServe and for the handler."""
    return build_archive(
        ArchiveOptions(
            name=name,
            version="1.0",
            checkpoint=checkpoint,
            calibration=checkpoint / "calibration.json",
            model_store=store,
            server=dict(server),
            defense=section,
            audit=audit,
        )
    )


def options_for(folder: Path, *models: str, workers: int = 1) -> ServerOptions:
    """A server of the archives in `folder/store` that keeps all it writes in `folder`."""
    return ServerOptions(
        model_store=folder / "store",
        models=archives_named(models),
        workers=workers,
        ports=Ports.free(),
        state_dir=folder / "state",
        state_home=folder / "home",
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Of a model's arithmetic, in every server that is started inside: the last digits of a sum depend on how many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(OPERATORS, "1")
        yield


def is_right_for(checkpoint: Path, *, rule: str) -> IsRight:
    """Compares replies for the clean texts with what the Python API says of them."""
    judged = dict(zip(CLEAN_TEXTS, Defense.load(checkpoint, rule=rule)(CLEAN_TEXTS), strict=True))
    scores = {round(verdict.anomaly_score or 0.0, 3) for verdict in judged.values()}
    assert len(scores) > len(CLEAN_TEXTS) / 2  # an answer for another text would hardly ever be right

    def is_right(text: str, document: Any) -> bool:
        verdict, defense = judged[text], document["defense"]
        return bool(
            document["label_id"] == verdict.label_id
            and defense["flagged"] == verdict.flagged
            and defense["anomaly_score"] == pytest.approx(verdict.anomaly_score, abs=1e-4)
        )

    return is_right
