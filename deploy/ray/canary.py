"""Whether a model answers at all: a text of ours through all hooks, uncounted and unlogged."""

from handler.defended_model import DefendedModel
from handler.hooks.exchange import Exchange
from handler.worker.stopwatch import Stopwatch

CANARY = "a canary in a mine"


class UnfitModelError(RuntimeError):
    """The model does not answer."""


def require_answer(model: DefendedModel) -> None:
    """Ask; a text that the operator's policy blocks was judged as well, and that is what counts.

    Raises:
        UnfitModelError: there is no answer.
    """
    row = {"text": CANARY} | ({"text_pair": CANARY} if model.served.takes_pairs else {})
    asked, stopwatch = [Exchange(row=row, headers={}, types={}, id="canary")], Stopwatch()
    (replied,) = model.postprocess(model.inference(model.preprocess(asked, stopwatch), stopwatch), stopwatch)
    error = replied.reply.error
    if error and error.kind != "trigger_blocked":
        raise UnfitModelError(f"the canary got {error.status} {error.kind}")
