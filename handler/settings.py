"""What an operator may set: the `xgraad:` section of model-config.yaml, strictly checked."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handler.xgraad import RULES, Defense, VerifiedOptions
from handler.xgraad.defense import DEFAULT_KEY, DEFAULT_OPTIONS, DEFAULT_RULE, check_name
from handler.xgraad.errors import SettingsError

SECTION = "xgraad"


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
    registry: bool = DEFAULT_OPTIONS.registry
    """Whether a worker remembers verified triggers and neutralizes them in later requests at once."""
    score_all: bool = DEFAULT_OPTIONS.score_all
    """Whether the rule `verified` gives texts that it does not test an anomaly score, too."""
    max_texts: Annotated[int, Field(ge=1, le=1024)] = 64
    """Texts in one request."""
    max_chars: Annotated[int, Field(ge=1, le=100_000)] = 20_000
    """Characters in one text."""
    max_request_chars: Annotated[int, Field(ge=1, le=100_000)] = 100_000
    """Characters in all texts of one request; keeps every reply below TorchServe's limit."""

    @classmethod
    def from_model_config(cls, model_config: dict[str, Any] | None) -> "Settings":
        """Read the section from what TorchServe made of model-config.yaml.

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

    def load_defense(self, folder: str, *, device: str) -> Defense:
        """The defense of the model directory `folder`, set up as these settings say."""
        return Defense.load(
            folder,
            device,
            self.rule,
            neutralizer=self.neutralizer,
            key=self.noise_key.encode(),
            options=VerifiedOptions(gate_share=self.gate_share, registry=self.registry, score_all=self.score_all),
        )
