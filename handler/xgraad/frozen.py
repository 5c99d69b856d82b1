"""What is fitted once and never changed: a record that is strict about what it holds."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """No field more, none of another type, no number that is none, and none that changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
