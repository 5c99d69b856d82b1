"""Pages read back: their structure, and the texts they show."""

from html.parser import HTMLParser

VOID = {"circle", "meta", "path", "rect"}


class ReadPage(HTMLParser):
    """What a page is made of. Fails on tags that do not nest."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        """All that is to be read, without the box."""
        self.text: str | None = None
        """The text in pieces, as it was before hidden characters got names."""
        self.changed: str | None = None
        self.blamed: list[str] = []
        self.box = ""
        self._open: list[tuple[str, str]] = []
        self.feed(page.decode("utf-8"))
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.attributes |= set(given)
        if tag not in VOID:
            self._open.append((tag, given.get("id") or given.get("class", "")))
        if given.get("id") == "text":
            self.text = ""
        if given.get("id") == "changed":
            self.changed = ""
        if tag == "mark" and self._inside("text"):
            self.blamed.append("")
        if "data-code" in given:
            self._recover(chr(int(given["data-code"].removeprefix("U+"), 16)) * int(given["data-times"]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self._open.pop()
        assert opened == tag

    def handle_data(self, data: str) -> None:
        if self._inside("box"):
            self.box += data
        elif self._open and self._open[-1][0] != "style":
            self.words += data
        if not self._inside("hid") and not self._inside("tag"):
            self._recover(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("the page has no comments")

    @property
    def typed(self) -> str:
        """What the box holds: a browser drops the line break after its tag."""
        return self.box.removeprefix("\n")

    def _inside(self, name: str) -> bool:
        return any(name == given for _, given in self._open)

    def _recover(self, part: str) -> None:
        if self.text is not None and self._inside("text"):
            self.text += part
            if any(tag == "mark" for tag, _ in self._open):
                self.blamed[-1] += part
        if self.changed is not None and self._inside("changed"):
            self.changed += part
