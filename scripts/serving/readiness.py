"""Whether a server is ready: every worker of every model READY, and a canary text answered by each model.

TorchServe's own /ping says Healthy while workers are still loading, and for minutes while they die and start again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scripts.console.errors import LabError
from scripts.serving.access_keys import Purpose
from scripts.serving.client import Client
from scripts.serving.worker_log import load_failure

CANARY = "a canary in a mine"


@dataclass(frozen=True, kw_only=True)
class Response:
    """Of the server to one call; status 0 where there was none."""

    status: int
    document: Any
    """None where it is no JSON."""


@dataclass(frozen=True, kw_only=True)
class HealthProbe:
    """Asks one server."""

    client: Client
    logs: Path | None = None
    """TorchServe's folder of logs, which alone tells why a model does not load; None where it cannot be read."""

    def is_alive(self) -> str | None:
        """Why the server must be restarted, None when it need not: /ping answers, and says Healthy."""
        answer = self._ask("GET", f"{self.client.inference}/ping", "inference")
        return None if answer.status == 200 else f"/ping: status {answer.status}"

    def models(self) -> list[str]:
        """Names of all registered models, of which there may be none yet."""
        answer = self._ask("GET", f"{self.client.management}/models?limit=100", "management")
        listed = answer.document.get("models", []) if isinstance(answer.document, dict) else []
        return [str(entry["modelName"]) for entry in listed]

    def not_ready(self, models: Sequence[str] = (), *, canary: str = CANARY) -> list[str]:
        """Why requests should not come here yet, one line each; none when it is ready.

        Args:
            models: those that must be ready; all that are registered where none is named.
            canary: the text that each of them must answer.
        """
        wanted = models or self.models()
        if not wanted:
            return ["no model is registered"]
        reasons = [self._workers(model) or self._canary(model, canary) for model in wanted]
        return [reason for reason in reasons if reason]

    def _workers(self, model: str) -> str | None:
        answer = self._ask("GET", f"{self.client.management}/models/{quote(model, safe='')}", "management")
        if answer.status != 200:
            return f"{model}: no description, status {answer.status}"
        description = answer.document[0]
        states = [str(worker["status"]) for worker in description["workers"]]
        n_ready, wanted = states.count("READY"), int(description["minWorkers"])
        if n_ready == len(states) >= max(wanted, 1):
            return None
        return f"{model}: {n_ready} of {wanted} workers READY{self._cause(model)}"

    def _cause(self, model: str) -> str:
        """What the last worker that failed to load the model said, after a colon; empty where none did."""
        try:
            log = ((self.logs or Path()) / "model_log.log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        cause = load_failure(log, model=model)
        return f": {cause.splitlines()[0]}" if cause else ""

    def _canary(self, model: str, text: str) -> str | None:
        """A text that the operator's policy blocks was judged as well, and that is what counts."""
        url = f"{self.client.inference}/predictions/{quote(model, safe='')}"
        answer = self._ask("POST", url, "inference", json.dumps({"text": text}).encode())
        if _error_type(answer) == "missing_text_pair":
            answer = self._ask("POST", url, "inference", json.dumps({"text": text, "text_pair": text}).encode())
        judged = answer.status == 200 or _error_type(answer) == "trigger_blocked"
        return None if judged else f"{model}: canary not answered, status {answer.status}"

    def _ask(self, method: str, url: str, purpose: Purpose, data: bytes = b"") -> Response:
        """Ask, without a word of complaint: a server that is not there, or whose keys are not, is not ready."""
        try:
            reply = self.client.request(
                method, url, purpose=purpose, data=data, headers={"Content-Type": "application/json"}
            )
        except (LabError, OSError):
            return Response(status=0, document=None)
        try:
            return Response(status=reply.status, document=reply.document())
        except LabError:
            return Response(status=reply.status, document=None)


def _error_type(answer: Response) -> Any:
    """Why the handler refused; None where it did not."""
    error = answer.document.get("error") if isinstance(answer.document, dict) else None
    return error.get("type") if isinstance(error, dict) else None
