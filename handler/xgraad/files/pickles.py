"""What tells a pickle: pickles can run code as soon as they are read, so nothing that is served needs one.

Needs the standard library alone: archives are looked at where nothing else is installed.
"""

import re
from pathlib import PurePath

PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
PICKLE = re.compile(rb"\x80[\x02-\x05].", re.DOTALL)
"""How pickles begin. So do some safetensors files, with a length, and those are not unpickled by anybody."""
NESTED = b"PK\x03\x04"
"""How archives begin, and checkpoints of torch.save, which hold pickles."""


def may_be_pickle(name: str, begin: bytes) -> bool:
    """Whether a file could be a pickle or hold one, by its name or by its first bytes."""
    suffix = PurePath(name).suffix
    return (
        suffix in PICKLE_SUFFIXES or begin.startswith(NESTED) or bool(suffix != ".safetensors" and PICKLE.match(begin))
    )
