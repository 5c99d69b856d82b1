"""Do the parts of a calibration fit the model and one another? Else some text would fail, or pass untested.

The file is strict JSON, so each part is of its kind; here it is held against what it must be long, wide or below.
"""

from collections.abc import Iterable, Mapping, Sequence, Sized
from typing import NamedTuple

from handler.xgraad.drift.drift_statistics import DriftStatistics
from handler.xgraad.errors import CalibrationError
from handler.xgraad.files.fingerprint import CALIBRATION_FILE, Fingerprint
from handler.xgraad.learned.carrying import untestable
from handler.xgraad.model.classifier import N_LOOK_LAYERS, Classifier
from handler.xgraad.scoring.conformal import texts_needed
from handler.xgraad.scoring.gate import GateStatistics
from handler.xgraad.verification.probes import Probe
from handler.xgraad.words.token_set import TokenSet
from handler.xgraad.words.windows import WindowPlan


class ModelShape(NamedTuple):
    """What a model asks of its calibration."""

    n_labels: int
    n_tokens: int
    """Size of the vocabulary."""
    n_layers: int
    """Layers whose states a `Look` keeps."""
    width: int
    """Of a hidden state."""

    @classmethod
    def of(cls, classifier: Classifier) -> "ModelShape":
        """As the configuration has it."""
        config = classifier.model.config
        n_layers = min(N_LOOK_LAYERS, config.num_hidden_layers)
        return cls(len(classifier.labels), config.vocab_size, n_layers, config.hidden_size)


def require_entries(parts: Mapping[str, Sized], n: int, what: str) -> None:
    """Refuse parts that do not have one entry for each of so many labels, texts or layers.

    Raises:
        CalibrationError: names the part, what it must have, and what it has.
    """
    for name, part in parts.items():
        if len(part) != n:
            raise _misfit(f"{name} must have an entry for each of the {n} {what}, has {len(part)}")


def require_tokens(name: str, probes: Iterable[Probe], n_tokens: int) -> None:
    """Refuse probes with a token that the vocabulary of so many does not have.

    Raises:
        CalibrationError: names the highest.
    """
    highest = max((token for probe in probes for token in probe.all_tokens()), default=0)
    if highest >= n_tokens:
        raise _misfit(f"{name}: tokens must be below {n_tokens}, the size of the vocabulary, one is {highest}")


def require_token_set(name: str, tokens: TokenSet, n_tokens: int) -> None:
    """Refuse a set that is larger than the vocabulary of so many: unpacked it may be larger than the memory.

    Raises:
        CalibrationError: names both sizes.
    """
    most = (n_tokens + 7) // 8
    if tokens.n_bytes > most:
        raise _misfit(f"{name} must be at most {most} bytes, a bit for each token, is {tokens.n_bytes}")


def require_gate(gate_name: str, gate: GateStatistics, shape: ModelShape, *, n_texts: int) -> None:
    """Refuse a gate whose parts are not of the model's sizes, or not of so many clean texts.

    Raises:
        CalibrationError: names the part, what it must have, and what it has.
    """
    require_entries({f"{gate_name}.margins": gate.margins}, shape.n_labels, "labels")
    of_texts: dict[str, Sized] = {"distances": gate.distances, "attentions": gate.attentions, "fisher": gate.fisher}
    require_entries({f"{gate_name}.{name}": part for name, part in of_texts.items()}, n_texts, "texts")
    of_layers: dict[str, Sized] = {name: getattr(gate, name) for name in ("layers", "distance_mean", "distance_std")}
    require_entries({f"{gate_name}.{name}": part for name, part in of_layers.items()}, shape.n_layers, "layers")
    for place, layer in enumerate(gate.layers):
        n_directions = layer.directions.shape[0] if layer.directions.shape else 0
        wanted = {
            "means": (layer.means, (shape.n_labels, shape.width)),
            "directions": (layer.directions, (n_directions, shape.width)),
            "variances": (layer.variances, (n_directions,)),
        }
        for name, (array, sizes) in wanted.items():
            if array.shape != sizes:
                raise _misfit(
                    f"{gate_name}.layers.{place}.{name} must be of shape {list(sizes)}, is {list(array.shape)}"
                )


def require_domains(drift: DriftStatistics | None, gates: Sequence[GateStatistics], shape: ModelShape) -> None:
    """Refuse drift statistics of states of another width, and gates that are not one for each of several domains.

    Raises:
        CalibrationError: names the part, what it must have, and what it has.
    """
    n_domains = len(drift.domains) if drift else 1
    if len(gates) != (n_domains if n_domains > 1 else 0):
        raise _misfit(f"domain_gates must be one for each of several domains, are {len(gates)} for {n_domains}")
    if drift and drift.directions.shape[0] != shape.width:
        raise _misfit(f"drift.directions must be of width {shape.width}, are of {drift.directions.shape[0]}")
    for place, gate in enumerate(gates if drift else ()):
        require_gate(f"domain_gates.{place}", gate, shape, n_texts=drift.domains[place].n_texts if drift else 0)


def require_testable(probes: Sequence[Sequence[Probe]], untested: Sequence[int]) -> None:
    """Refuse probes that cannot test every label but those that are said to be untested.

    Raises:
        CalibrationError: names the labels that they cannot test, and those that are said to be so.
    """
    needed = untestable([len(of_label) for of_label in probes])
    if tuple(untested) != needed:
        raise _misfit(f"untested must be {list(needed)}, as probes cannot test these labels, is {list(untested)}")


def require_plan(plan: WindowPlan, conditions: Fingerprint) -> None:
    """Refuse windows that pairs of texts do not have, or that share more than half of themselves.

    Raises:
        CalibrationError: says which, and what there is.
    """
    if conditions.takes_pairs:
        raise CalibrationError("windows: are for single texts, and these are pairs; calibrate without --windows")
    most = conditions.max_length // 2
    if plan.stride > most:
        raise CalibrationError(f"windows: --stride must be at most {most}, half of --max-length, is {plan.stride}")


def require_enough(plan: WindowPlan, *, max_fpr: float, n_texts: int) -> None:
    """Refuse windows that are too many for so few clean texts: no window could be told from them.

    Raises:
        CalibrationError: says how many texts are needed, and how many there are.
    """
    least = texts_needed(max_fpr / plan.max_windows)
    if n_texts < least:
        rule = f"windows.max_windows {plan.max_windows} needs {least} clean texts at max_fpr {max_fpr}"
        raise _misfit(f"{rule}, and n_texts is {n_texts}")


def _misfit(rule: str) -> CalibrationError:
    return CalibrationError(f"{CALIBRATION_FILE}: {rule}; make it with scripts.calibrate")
