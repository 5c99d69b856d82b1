"""Reading TorchServe's logs for the reason why a model does not load."""

import re
from pathlib import Path

DIED = "Backend worker process died."
FAILED = re.compile(r"Failed to load model \S+, exception (?P<reason>.*)")
EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Exit|Interrupt)\b.*")
WRAPPER = re.compile(r"RuntimeError: \d{3} - ")
"""The worker's own last words; they repeat a status code and hide the handler's exception."""


def worker_messages(log: str, *, model: str) -> list[str]:
    """What the workers of `model` wrote, line by line, without TorchServe's prefixes."""
    line = re.compile(rf"W-\d+-{re.escape(model)}_\S*?-std(?:out|err) MODEL_LOG - (.*)")
    return [match.group(1) for match in map(line.search, log.splitlines()) if match]


def load_failure(log: str, *, model: str) -> str | None:
    """Why a worker of `model` failed to load it, or None when the log tells of no failure."""
    messages = worker_messages(log, model=model)
    reported = [index for index, message in enumerate(messages) if FAILED.match(message)]
    if reported:
        return _reported_reason(messages[reported[-1] :])
    if DIED not in messages:
        return None
    raised = [message for message in messages if EXCEPTION.fullmatch(message)]
    named = [message for message in raised if not WRAPPER.match(message)]
    return (named or raised or messages)[-1]


def _reported_reason(messages: list[str]) -> str:
    """The exception's text from "Failed to load model" up to the traceback; it may have several lines."""
    lines = []
    for message in messages:
        if message.startswith("Traceback"):
            break
        match = FAILED.match(message)
        lines.append(match["reason"] if match else message)
    return "\n".join(lines)


def last_lines(path: Path, *, count: int = 8) -> str:
    """The end of a log file, empty when there is none."""
    if not path.is_file():
        return ""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
