"""What an operator may set: the `xgraad:` section of model-config.yaml, strictly checked."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handler.xgraad import RULES, Defense
from handler.xgraad.defense import DEFAULT_KEY, DEFAULT_RULE, check_name
from handler.xgraad.errors import SettingsError

SECTION = "xgraad"


class Settings(BaseModel):
    """Frozen; unknown names and wrong types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rule: str = DEFAULT_RULE
    """When a text is flagged: see `handler.xgraad.RULES`."""
    neutralizer: Literal["noise", "mask", "delete"] = "noise"
    """What happens to a suspect word."""
    noise_key: Annotated[str, Field(min_length=1)] = DEFAULT_KEY.decode()
    """Seeds the noise; your own keeps attackers from foreseeing it."""
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
        section = (model_config or {}).get(SECTION) or {}
        if not isinstance(section, dict):
            raise SettingsError(f"model-config.yaml: {SECTION} must be a mapping, got {type(section).__name__}")
        try:
            settings = cls.model_validate(section)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, (SECTION, *first["loc"])))
            raise SettingsError(f"model-config.yaml: {where}: {first['msg']}, got {first['input']!r}") from error
        check_name(f"model-config.yaml: {SECTION}.rule", settings.rule, tuple(RULES))
        return settings

    def load_defense(self, folder: str, *, device: str) -> Defense:
        """The defense of the model directory `folder`, set up as these settings say."""
        return Defense.load(folder, device, self.rule, neutralizer=self.neutralizer, key=self.noise_key.encode())
