"""Tables and colors for a terminal, by rich."""

from rich.console import Console, RenderableType

from scripts.console.terminal import discard


class _Terminal(Console):
    """Rich ends the program where the reader of a pipe leaves; our commands go on with their work."""

    def on_broken_pipe(self) -> None:
        """Let what follows go nowhere."""
        discard(self.file)


def show(*parts: RenderableType) -> None:
    """Print each part; numbers and paths in it get no colors of their own."""
    console = _Terminal(highlight=False)
    for part in parts:
        console.print(part)
