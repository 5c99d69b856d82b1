"""What the server itself says where no model is asked, or none answers: in TorchServe's form, and in its words."""

import json

from deploy.ray.calls import Answered

UNAVAILABLE = "ServiceUnavailableException"
"""Of errors that pass: clients may ask again."""


def no_resource() -> Answered:
    """There is nothing at an address."""
    return _error(404, "ResourceNotFoundException", "Requested resource is not found, please refer to API document.")


def no_method() -> Answered:
    """A method that no address has."""
    return _error(405, "MethodNotAllowedException", "Requested method is not allowed, please refer to API document.")


def no_model(model: str) -> Answered:
    """No model has this name."""
    return _error(404, "ModelNotFoundException", f"Model not found: {model}")


def no_version(model: str, version: str) -> Answered:
    """The model is served in another version."""
    message = f"Model version: {version} does not exist for model: {model}"
    return _error(404, "ModelVersionNotFoundException", message)


def too_large() -> Answered:
    """The body is larger than any that is read."""
    return Answered(413, b"", "")


def no_room(model: str) -> Answered:
    """More requests wait for the model than may."""
    return _error(503, UNAVAILABLE, f'Model "{model}" has no room for another request; ask again')


def lost(model: str) -> Answered:
    """The process that had the request is gone; another takes its place."""
    return _error(503, UNAVAILABLE, f'Model "{model}" lost the worker that had the request; ask again')


def failed(model: str) -> Answered:
    """Something went wrong that is not about the request."""
    return _error(500, "InternalServerException", f'Model "{model}" failed; see the log')


def _error(code: int, kind: str, message: str) -> Answered:
    document = {"code": code, "type": kind, "message": message}
    return Answered(code, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode(), "application/json")
