"""What an operator may set: the `xgraad:` section of model-config.yaml, strictly checked."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from handler import xgraad
from handler.xgraad.errors import SettingsError
from handler.xgraad.files.fingerprint import CALIBRATION_FILE, Fingerprint
from handler.xgraad.files.precision import DEFAULT_PRECISION, Precision
from handler.xgraad.memory.registry import TriggerRegistry
from handler.xgraad.options import DEFAULT_KEY, DEFAULT_OPTIONS, DEFAULT_RULE, RULES, VerifiedOptions, check_name

SECTION = "xgraad"

OnTrigger = Literal["neutralize", "annotate", "abstain", "block"]
OnError = Literal["fail_closed", "fail_open"]
SecondOpinion = Literal["ignore", "answer", "annotate", "abstain"]
Windows = Literal["off", "mean", "max", "any"]
Detail = Literal["full", "verdict", "label"]


def _absolute(path: str) -> str:
    """Workers run in a folder of the server's choice, so a relative path would mean nothing."""
    if not os.path.isabs(path):
        raise PydanticCustomError("absolute_path", "Input should be an absolute path")
    return path


class Settings(BaseModel):
    """Frozen; unknown names and wrong types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rule: str = DEFAULT_RULE
    """When a text is flagged: see `handler.xgraad.RULES`."""
    neutralizer: Literal["noise", "mask", "delete"] | None = None
    """What happens to a suspect word; by default noise for the rule `paper`, delete for the others."""
    noise_key: Annotated[str, Field(min_length=1)] = DEFAULT_KEY.decode()
    """Seeds the noise; your own keeps attackers from foreseeing it."""
    gate_share: Annotated[float, Field(gt=0, le=1)] = DEFAULT_OPTIONS.gate_share
    """Share of clean texts that the rule `verified` tests: more cost, fewer misses."""
    screen: bool = DEFAULT_OPTIONS.screen
    """Whether the rule `verified` tries words that the calibration texts do not have on a clean text."""
    registry: bool = True
    """Whether workers remember verified triggers, together, and neutralize them in later requests at once."""
    registry_file: Annotated[str, AfterValidator(_absolute)] | None = None
    """Where they remember them; by default a file in the state folder of the user that runs the server."""
    score_all: bool = DEFAULT_OPTIONS.score_all
    """Whether the rule `verified` gives texts that it does not test an anomaly score, too."""
    precision: Precision = DEFAULT_PRECISION
    """Of the model's weights and activations; the calibration must have been made with the same."""
    windows: Windows = "off"
    """Whether a text that is longer than the model's window is looked at in several, and how its label is made of them:
    see `WindowLabel`. The calibration must have been made alike."""
    windows_label: str | None = None
    """The label of `windows: any`."""
    on_trigger: OnTrigger = "neutralize"
    """What is done about a text in which the rule acted: answer for the text without its suspects, answer for the text
    as it is and say so, give no label, or refuse the text."""
    second_opinion: SecondOpinion = "ignore"
    """What is done about a label that gate and reference object to, where no trigger is found: nothing, the reference's
    answer, the plain answer and a word about it, or no label. Needs a reference that is a model."""
    on_error: OnError = "fail_closed"
    """What a request gets that cannot be judged: an error, or the plain model's answer, marked as undefended."""
    detail: Detail = "full"
    """How much a reply tells: everything, no scores, or the label alone. Scores show an attacker the way."""
    max_texts: Annotated[int, Field(ge=1, le=1024)] = 64
    """Texts in one request."""
    max_chars: Annotated[int, Field(ge=1, le=100_000)] = 20_000
    """Characters in one text."""
    max_request_chars: Annotated[int, Field(ge=1, le=100_000)] = 100_000
    """Characters in all texts of one request; keeps every reply below a server's limit."""

    @classmethod
    def from_model_config(cls, model_config: Mapping[str, Any] | None) -> "Settings":
        """Read the section from the content of model-config.yaml.

        Raises:
            SettingsError: names the setting, the rule it breaks and the value.
        """
        section = (model_config or {}).get(SECTION)
        section = {} if section is None else section
        if not isinstance(section, dict):
            raise SettingsError(f"model-config.yaml: {SECTION} must be a mapping, got {type(section).__name__}")
        try:
            settings = cls.model_validate(section)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, (SECTION, *first["loc"])))
            raise SettingsError(f"model-config.yaml: {where}: {first['msg']}, got {first['input']!r}") from error
        check_name(f"model-config.yaml: {SECTION}.rule", settings.rule, RULES)
        return settings

    def load_defense(
        self,
        folder: str,
        *,
        device: str,
        calibration: "xgraad.Calibration | xgraad.LabelsCalibration | None" = None,
        registry: TriggerRegistry | None = None,
    ) -> "xgraad.Defense | xgraad.LabelsDefense":
        """The defense of the model directory `folder`, set up as they say; for the others see `Defense.load`.

        Raises:
            CheckpointError, CalibrationError, AuditError, RepairRecordError, SettingsError: see `Defense.load`.
            FingerprintError: the calibration was made with another precision.
        """
        setup: dict[str, Any] = {
            "neutralizer": self.neutralizer,
            "key": self.noise_key.encode(),
            "options": VerifiedOptions(
                gate_share=self.gate_share,
                screen=self.screen,
                score_all=self.score_all,
                second_opinion=self.second_opinion != "ignore",
            ),
            "registry": registry,
        }
        fitted = calibration or xgraad.read_calibration(Path(folder, CALIBRATION_FILE))
        if isinstance(fitted, xgraad.LabelsCalibration):
            if self.windows != "off" or self.windows_label is not None:
                raise SettingsError(
                    f"windows is {self.windows}: they are for models of one label a text; set windows: off"
                )
            labels = xgraad.LabelsDefense.load(folder, device, self.rule, calibration=fitted, **setup)
            self._require_precision(fitted.fingerprint)
            return labels
        defense = xgraad.Defense.load(folder, device, self.rule, calibration=fitted, **setup)
        self._require_precision(fitted.fingerprint)
        return xgraad.in_windows(defense, self.windows, self.windows_label)

    def _require_precision(self, made_for: Fingerprint) -> None:
        made_for.require(made_for.model_copy(update={"precision": self.precision}))
