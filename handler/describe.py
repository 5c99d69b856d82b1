"""What `describe` with `customized=true` tells about a served model."""

from importlib.metadata import version
from typing import Any

from handler.settings import Settings
from handler.xgraad import Calibration
from handler.xgraad.drift.drift_statistics import WINDOW
from handler.xgraad.files.text_pairs import pair_sign
from handler.xgraad.labels_defense import AnyDefense
from handler.xgraad.multilabel.labels_calibration import LabelFit, LabelsCalibration


def describe(defense: AnyDefense, settings: Settings) -> dict[str, Any]:
    """Labels, thresholds, limits and versions, ready for JSON."""
    return {
        "labels": list(defense.classifier.labels),
        "model_type": defense.classifier.model.config.model_type,
        "label_threshold": _label_threshold(defense),
        "takes_pairs": defense.takes_pairs,
        "text_pairs": pair_sign(defense.classifier.model.config, takes_pairs=defense.takes_pairs),
        "device": str(defense.classifier.device),
        "defense": {"rule": defense.rule, "neutralizer": defense.neutralize.name}
        | settings.model_dump(include={"on_trigger", "second_opinion", "on_error", "detail"})
        | {"registry": {"n_triggers": len(defense.registry), "is_shared": defense.registry.is_shared}}
        | {"audit": _audited(defense), "reference": _reference(defense), "untested": _untested(defense)}
        | (_calibrated(defense, settings) if settings.detail == "full" else {}),
        "limits": settings.model_dump(include={"max_texts", "max_chars", "max_request_chars"})
        | {"max_length": defense.classifier.max_length}
        | _windows(defense, settings),
        "origin": defense.calibration.origin,
        "fingerprint": defense.calibration.fingerprint.model_dump(),
        "drift": _watched(defense),
        "repair": _repaired(defense),
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers", "numpy")},
    }


def _label_threshold(defense: AnyDefense) -> float | None:
    """The probability above which a text has a label; None of a model that gives it one."""
    calibration = defense.calibration
    return calibration.label_threshold if isinstance(calibration, LabelsCalibration) else None


def _windows(defense: AnyDefense, settings: Settings) -> dict[str, Any]:
    """In how many windows a long text is looked at, and how they make its label; nothing where they do not."""
    plan = defense.calibration.windows
    if settings.windows == "off" or plan is None:
        return {}
    named = {"windows_label": settings.windows_label} if settings.windows_label else {}
    return {"windows": settings.windows, **named, **plan.model_dump()}


def _untested(defense: AnyDefense) -> list[str] | None:
    """The labels of which no reply is tested; None under a rule that tests none."""
    if not defense.tests:
        return None
    return [defense.classifier.labels[label] for label in defense.calibration.untested]


def _watched(defense: AnyDefense) -> dict[str, Any]:
    """What windows of texts are held against, or why they are against nothing."""
    if defense.calibration.drift is None:
        rule = f"no drift statistics: the calibration is older than these, or of fewer than {WINDOW} texts"
        return {"watched": False, "reason": rule}
    if defense.reservoir is None:
        return {"watched": False, "reason": f"rule {defense.rule} looks at no states"}
    drift = defense.reservoir.statistics
    domains = [domain.model_dump(include={"name", "n_texts"}) for domain in drift.domains]
    return {"watched": True, "window": drift.window, "false_alarm_rate": drift.false_alarm_rate, "domains": domains}


def _repaired(defense: AnyDefense) -> dict[str, Any] | None:
    """What the checkpoint was made of, and how, as its packer says; None for one that is as it came."""
    shown = {"method", "suspect", "trusted_base", "accuracy_before", "accuracy_after", "n_held_out", "limits"}
    return defense.repair.model_dump(include=shown) if defense.repair else None


def _audited(defense: AnyDefense) -> dict[str, Any] | None:
    """What the vocabulary sweep found before the model was packed; None where there was none."""
    if defense.audit is None:
        return None
    target = defense.audit.target_label_id
    return {
        "suspicious": defense.audit.suspicious,
        "target_label_id": target,
        "n_triggers": len(defense.audit.triggers),
        "n_words": defense.audit.n_words,
    }


def _reference(defense: AnyDefense) -> dict[str, Any]:
    """What tells a trigger from an honest word: the labels of people, and a trusted model where there is one."""
    trusted = defense.calibration.reference
    known = trusted.model_dump(include={"base", "seed", "n_texts", "accuracy"}) if trusted else None
    return {"labels": any(part.labels.words for part in _parts(defense).values()), "trusted_model": known}


def _parts(defense: AnyDefense) -> dict[str, Calibration | LabelFit]:
    """What was fitted, by label where a text may have several."""
    calibration = defense.calibration
    if isinstance(calibration, LabelsCalibration):
        return dict(zip(defense.classifier.labels, calibration.labels, strict=True))
    return {"": calibration}


def _calibrated(defense: AnyDefense, settings: Settings) -> dict[str, Any]:
    """What the rules compare with. Told only where replies hold scores, too: whoever made the checkpoint can compute a
    text's scores and lacks nothing but these. Clients should not reach the management API; some will."""
    calibration = defense.calibration
    found = {name: _thresholds(part, settings) for name, part in _parts(defense).items()}
    return {
        "max_fpr": calibration.max_fpr,
        "n_texts": calibration.n_texts,
        "thresholds": found if isinstance(calibration, LabelsCalibration) else found[""],
    }


def _thresholds(part: Calibration | LabelFit, settings: Settings) -> dict[str, Any]:
    return {
        "paper": {"percentile": part.paper.percentile, "threshold": part.paper.threshold},
        "conformal": part.conformal.model_dump(include={"intercept", "slope", "offset"}),
        "verified": {"gate_share": settings.gate_share, "screen": settings.screen} | part.verification.model_dump(),
    }
