"""The keys that TorchServe writes to key_file.json when token authorization is on."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from scripts.console.errors import LabError

Purpose = Literal["inference", "management"]


@dataclass(frozen=True, kw_only=True)
class AccessKey:
    """A key, and when it ends; the API key, which renews the others, never does."""

    key: str
    expires: datetime | None

    def expired(self, *, now: datetime) -> bool:
        """Whether the server would refuse the key at `now`."""
        return self.expires is not None and self.expires <= now


def read_key(key_file: Path, purpose: Purpose | Literal["API"]) -> AccessKey:
    """Read one key. The file is read anew each time, because any client may have renewed its keys."""
    try:
        entry: dict[str, Any] = json.loads(key_file.read_text(encoding="utf-8"))[purpose]
        until = entry.get("expiration time")
        return AccessKey(key=entry["key"], expires=datetime.fromisoformat(until).astimezone(UTC) if until else None)
    except FileNotFoundError as error:
        raise LabError(f"there is no key file {key_file}; is the server running with token authorization?") from error
    except (ValueError, KeyError) as error:
        raise LabError(f"{key_file} has no readable {purpose} key ({error}); restart the server") from error
