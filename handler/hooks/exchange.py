"""One client's call on its way through the three hooks: what came, what it asks, what was found, what goes back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from handler.answers.policy import AnyAnswer, Judged
from handler.answers.reply import Reply, as_json, refused
from handler.page.visit import Headers, Row, Visit
from handler.refusal import FAILED, Refusal
from handler.wire.request import Request
from handler.xgraad.words.encoding import Encoding

Each = TypeVar("Each")
_NONE_YET = as_json(refused(FAILED))


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Frozen: every hook hands on another one that knows more."""

    row: Row
    """A field for each of a form's or of gRPC's, or one for the whole body: see `handler.wire.fields`."""
    headers: Headers
    """The client's, names in lower case, and the marks of the address: see `handler.wire.framing`; gRPC has none."""
    types: Mapping[str, str]
    """The declared type of each of the row's values, where the server knows one."""
    id: str
    """The server's, for the log."""
    visit: Visit | None = None
    """A browser's; None for programs."""
    request: Request | None = None
    """None until it is read, where it cannot be, and for a visit that only opens the page."""
    refusal: Refusal | None = None
    """Why the whole request gets no answer; None while it may get one."""
    encodings: tuple[Encoding, ...] = ()
    """Of the request's texts, and in their order, as everything below."""
    judged: tuple[Judged, ...] = ()
    """What was found in them."""
    answers: tuple[AnyAnswer | Refusal, ...] = ()
    """To all texts that were sent, faulty ones among them."""
    reply: Reply = _NONE_YET
    """An error until there is something better."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Those that can be judged."""
        return self.request.texts if self.request else ()

    @property
    def explain(self) -> bool:
        """Whether every word's scores are wanted."""
        return self.request is not None and self.request.explain

    @property
    def waits(self) -> bool:
        """Whether there is something to judge."""
        return self.request is not None and self.refusal is None

    def failed(self) -> "Exchange":
        """The same where the defense could not do its part."""
        return replace(self, refusal=FAILED)


def shared_out(found: Iterable[Each], exchanges: Sequence[Exchange]) -> list[tuple[Exchange, tuple[Each, ...]]]:
    """Each exchange with its own part of what was found for the texts of all, in order."""
    rest = iter(found)
    return [(exchange, tuple(islice(rest, len(exchange.texts)))) for exchange in exchanges]
