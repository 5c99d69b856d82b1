"""Whether a server is ready: every worker of every model READY, and a canary text answered by each model.

TorchServe's own /ping says Healthy while workers are still loading, and for minutes while they die and start again.
Probes run this every few seconds, so it needs nothing but the standard library: the rest would take longer than the
answer.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from scripts.lab.worker_log import load_failure

CANARY = "a canary in a mine"
Purpose = Literal["inference", "management"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Of the server to one call; status 0 where there was none."""

    status: int
    document: Any


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Asks one server.

    Only http and https are spoken, and no proxy of the environment is used: it would see the keys.
    """

    inference: str
    """Base URL."""
    management: str
    key_file: Path | None = None
    """TorchServe's key_file.json; None without token authorization."""
    timeout_s: float = 10.0
    logs: Path | None = None
    """TorchServe's folder of logs, which alone tells why a model does not load; None where it cannot be read."""

    def __post_init__(self) -> None:
        for url in (self.inference, self.management):
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"an address must begin with http:// or https://, got {url!r}")

    def is_alive(self) -> str | None:
        """Why the server must be restarted, None when it need not: /ping answers, and says Healthy."""
        answer = self._ask("GET", f"{self.inference}/ping", "inference")
        return None if answer.status == 200 else f"/ping: status {answer.status}"

    def models(self) -> list[str]:
        """Names of all registered models, of which there may be none yet."""
        answer = self._ask("GET", f"{self.management}/models?limit=100", "management")
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
        answer = self._ask("GET", f"{self.management}/models/{quote(model, safe='')}", "management")
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
        answer = self._ask("POST", f"{self.inference}/predictions/{quote(model, safe='')}", "inference", {"text": text})
        error = answer.document.get("error", {}) if isinstance(answer.document, dict) else {}
        judged = answer.status == 200 or (isinstance(error, dict) and error.get("type") == "trigger_blocked")
        return None if judged else f"{model}: canary not answered, status {answer.status}"

    def _ask(self, method: str, url: str, purpose: Purpose, body: Any = None) -> Answer:
        key = self._key(purpose)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        data = None if body is None else json.dumps(body).encode()
        return self._send(urllib.request.Request(url, data=data, headers=headers, method=method))  # noqa: S310

    def _send(self, request: urllib.request.Request) -> Answer:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self.timeout_s) as reply:
                return Answer(status=reply.status, document=_json(reply.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(status=error.code, document=_json(error.read()))
        except (OSError, ValueError):
            return Answer(status=0, document=None)

    def _key(self, purpose: Purpose) -> str | None:
        """The key for a call, renewed where it has expired; None where there is none to be read."""
        if self.key_file is None:
            return None
        entry = self._entry(purpose)
        expires = entry.get("expiration time")
        if expires and datetime.fromisoformat(expires).astimezone(UTC) <= datetime.now(UTC):
            renewal = urllib.request.Request(  # noqa: S310
                f"{self.management}/token?type={purpose}",
                headers={"Authorization": f"Bearer {self._entry('API').get('key')}"},
            )
            self._send(renewal)
            entry = self._entry(purpose)
        return entry.get("key")

    def _entry(self, name: str) -> dict[str, str]:
        try:
            entry: dict[str, str] = json.loads((self.key_file or Path()).read_text(encoding="utf-8"))[name]
        except (OSError, ValueError, KeyError):
            return {}
        return entry


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
