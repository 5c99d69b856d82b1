"""What `describe` with `customized=true` tells about a served model."""

from importlib.metadata import version
from typing import Any

from handler.settings import Settings
from handler.xgraad import Defense


def describe(defense: Defense, settings: Settings) -> dict[str, Any]:
    """Labels, thresholds, limits and versions, ready for JSON."""
    calibration = defense.calibration
    return {
        "labels": list(defense.classifier.labels),
        "model_type": defense.classifier.model.config.model_type,
        "device": str(defense.classifier.device),
        "defense": {
            "rule": defense.rule,
            "neutralizer": defense.neutralize.name,
            "max_fpr": calibration.max_fpr,
            "n_texts": calibration.n_texts,
            "thresholds": {
                "paper": {"percentile": calibration.paper.percentile, "threshold": calibration.paper.threshold},
                "conformal": calibration.conformal.model_dump(include={"intercept", "slope", "offset"}),
                "verified": {"gate_share": settings.gate_share} | calibration.verification.model_dump(),
            },
        },
        "limits": settings.model_dump(include={"max_texts", "max_chars", "max_request_chars"})
        | {"max_length": defense.classifier.max_length},
        "fingerprint": calibration.fingerprint.model_dump(),
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers", "numpy")},
    }
