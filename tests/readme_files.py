"""The pages that people read, and the blocks of code in them."""

import re
from pathlib import Path

from scripts import update_readme

PROJECT = Path(__file__).parents[1]
PAGES = (*update_readme.PAGES, Path("CONTRIBUTING.md"))
TEXTS = {str(page): (PROJECT / page).read_text(encoding="utf-8") for page in PAGES}
README = TEXTS["README.md"]


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of a page's code blocks, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def section(text: str, title: str) -> str:
    """What stands below a heading of the second level."""
    return text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]
