"""A served model as a defense: texts go out over REST and gRPC, the replies come back as verdicts."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

from handler.answers.policy import ServedAction
from handler.xgraad import Action, Suspect, Verdict
from handler.xgraad.model.prediction import Prediction
from scripts.console.errors import LabError
from scripts.serving.client import Client, is_error
from scripts.serving.pair_documents import fields_of_text, of_whole

TRANSPORTS = ("rest", "grpc")


class ServedDefense:
    """Judges texts by asking a server, one request per text, so that it batches them as it would for many clients.

    Args:
        client: of the server.
        model: the served model's name.
        transports: texts take them in turn.
        n_clients: requests under way at once.
    """

    def __init__(
        self, client: Client, model: str, *, transports: Sequence[str] = TRANSPORTS, n_clients: int = 8
    ) -> None:
        self._client = client
        self._model = model
        self._transports = transports
        self._n_clients = n_clients

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """One verdict per text, in order.

        Raises:
            LabError: the server refused a text, or does not tell enough.
        """
        with ThreadPoolExecutor(self._n_clients) as pool:
            return list(pool.map(self._ask, texts, cycle(self._transports)))

    def _ask(self, text: str, transport: str) -> Verdict:
        if transport == "rest":
            document = self._client.predict(self._model, fields_of_text(text))
        else:
            document = self._client.predict_grpc(
                self._model, {name: part.encode() for name, part in fields_of_text(text).items()}
            )
        if is_error(document):
            raise LabError(f"the server refused a text over {transport}: {document['error']['message']}")
        return verdict_from(of_whole(document, text))


def verdict_from(document: dict[str, Any]) -> Verdict:
    """The verdict that a reply tells of, without word scores; the same whatever `on_trigger` made of it.

    Raises:
        LabError: the reply tells of none.
    """
    defense = document.get("defense", {})
    if defense.get("action") == ServedAction.UNDEFENDED:
        raise LabError("the server answered undefended: judging failed, its log says why")
    if "labels" in document:
        raise LabError("a reply of several labels is no single verdict; scripts.evaluate_defense measures such models")
    if "p_value" not in defense:
        raise LabError("a reply must tell every score; pack the model with --detail full")
    return Verdict(
        rule=defense["rule"],
        flagged=defense["flagged"],
        verified=defense["verified"],
        tested=defense["tested"],
        action=_action(defense),
        anomaly_score=defense["anomaly_score"],
        gate_score=defense["gate_score"],
        threshold=defense["threshold"],
        p_value=defense["p_value"],
        undefended=_prediction(defense["undefended"]),
        defended=_prediction(defense["defended"]),
        suspects=tuple(Suspect(**suspect) for suspect in defense["suspects"]),
        neutralized_text=defense["neutralized_text"],
        truncated=document["truncated"],
        words=(),
    )


def _action(defense: dict[str, Any]) -> Action:
    """What the rule did, whatever the policy made of it."""
    if defense["action"] == ServedAction.PASSED:
        return Action.PASSED
    return Action.OVERRULED if defense["neutralized_text"] is None else Action.NEUTRALIZED


def _prediction(fields: dict[str, Any]) -> Prediction:
    return Prediction(**fields, probabilities={})
