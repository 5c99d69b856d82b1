"""The JSON files of a checkpoint, each of which holds one object."""

import json
from pathlib import Path
from typing import Any

from handler.xgraad.errors import CheckpointError, reason
from handler.xgraad.files.lfs_pointer import refuse_pointer


def read_object(path: Path) -> dict[str, Any]:
    """The object in the file at `path`.

    Raises:
        CheckpointError: there is no such file, or it holds something else.
    """
    try:
        refuse_pointer(path)
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(f"{path.name}: missing; point at the folder that save_pretrained() wrote") from None
    except OSError as error:
        raise CheckpointError(f"{path.name}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path.name}: is not JSON: {reason(error)}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path.name}: must hold a JSON object")
    return content
