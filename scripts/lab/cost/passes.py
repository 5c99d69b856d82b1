"""The passes that are compared: the plain model's, the defense's, and the official code's."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from handler.xgraad import Calibration, Classifier, VerifiedOptions
from handler.xgraad.editing.neutralizer import Neutralizer, make_neutralizer
from handler.xgraad.editing.verdict import Verdict
from handler.xgraad.files.dtypes import DTYPES
from handler.xgraad.memory.registry import MemoryRegistry
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.model.classifier import Look
from handler.xgraad.options import DEFAULT_KEY, PAPER_PERCENTILE, RUN_PART, usual_neutralizer
from handler.xgraad.rules.threshold_rule import ThresholdRule
from handler.xgraad.rules.verified_rule import VerifiedParts, VerifiedRule
from handler.xgraad.scoring.gate import Gate, GateScore, GateStatistics
from handler.xgraad.scoring.scorer import Score
from handler.xgraad.words.encoding import Encoder, Encoding, collate
from scripts.console.errors import LabError
from scripts.lab.cost.pass_names import ATTACKED, PLAIN

GATED_EVERY = round(1 / VerifiedOptions.gate_share)
GATED_FIRST = GATED_EVERY // 2
"""Position of the first text that passes the gate: the share is then the nearest to what it should be."""
FLAGGED_EVERY = round(100 / (100 - PAPER_PERCENTILE))
ATTACKED_P_VALUE = 0.01
ATTACKED_EVERY = 20
ATTACKED_FIRST = 5
"""Position of the first attacked text; none of the clean texts that pass the gate stands there."""


class Call(NamedTuple):
    """The texts of one call. What compares forward passes alone takes the encodings, a whole call takes the texts."""

    texts: Sequence[str]
    encodings: Sequence[Encoding]
    first: int
    """Position of the first text in the traffic."""


Pass = Callable[[Call], object]


class PositionGate(Gate):
    """A gate whose decision is replaced by the text's position, so that its share is the same everywhere."""

    def __init__(self, statistics: GateStatistics, p_value: Callable[[int], float]) -> None:
        super().__init__(statistics)
        self.first = 0
        """Position of the next call's first text."""
        self._p_value = p_value

    def __call__(self, encodings: Sequence[Encoding], looks: Sequence[Look]) -> list[GateScore]:
        """The gate's scores with other p-values."""
        return [
            GateScore(gate_score=score.gate_score, p_value=self._p_value(self.first + row))
            for row, score in enumerate(super().__call__(encodings, looks))
        ]


class ChosenThreshold:
    """Chosen texts alone are above it; the one that the rule `paper` fits knows no length and flags all long texts."""

    def __init__(self) -> None:
        self.flagged: set[str] = set()

    def threshold_for(self, score: Score) -> float:
        """Below every anomaly score, or above."""
        return -math.inf if score.encoding.text in self.flagged else math.inf

    def p_value(self, score: Score) -> float:
        """0 or 1."""
        return 0.0 if score.encoding.text in self.flagged else 1.0


class ComparedModels:
    """A checkpoint in the three forms that are compared; each is loaded when it is needed."""

    def __init__(self, folder: Path, calibration: Path, *, device: str) -> None:
        self.calibration = Calibration.read(calibration)
        if self.calibration.fingerprint.takes_pairs:
            rule = "must be of single texts, which are cut and joined to every length, is of pairs"
            raise LabError(f"--calibration {calibration.name}: {rule}; calibrate this model on single texts")
        self._checkpoint = Checkpoint.open(folder)
        self.device = torch.device(device)
        self.encode = Encoder(self._checkpoint.tokenizer, max_length=self.calibration.fingerprint.max_length)
        self._folder = folder
        self._calibration_file = calibration

    @cached_property
    def classifier(self) -> Classifier:
        """The one that can be defended."""
        fitted = self.calibration.fingerprint
        return Classifier.of(
            self._checkpoint, device=str(self.device), max_length=fitted.max_length, precision=fitted.precision
        )

    def passes(self, names: Sequence[str]) -> dict[str, Pass]:
        """The passes of these names, with their models loaded."""
        every = {
            PLAIN: self._plain,
            "look": lambda: self._of_encodings(self.classifier.look),
            "scoring": lambda: self._of_encodings(self.classifier.trace),
            "verified": lambda: self._verified(clean_p_value),
            ATTACKED: lambda: self._verified(lambda at: ATTACKED_P_VALUE if is_attacked(at) else clean_p_value(at)),
            "paper": self._paper,
            "official": self._official,
        }
        return {name: every[name]() for name in names}

    def _plain(self) -> Pass:
        """The model as transformers loads it, with fused attention; predictions only."""
        model = self._load("sdpa")

        def run(call: Call) -> Tensor:
            with torch.inference_mode():
                logits: Tensor = model(**self._inputs(call)).logits
            return logits.float().cpu()

        return run

    def _official(self) -> Pass:
        """The published script's way: all attentions kept, gradients to every parameter, one batch at a time."""
        model = self._load("eager")
        table = model.get_input_embeddings()

        def run(call: Call) -> tuple[Tensor, Tensor]:
            inputs = self._inputs(call)
            embedded = table(inputs.pop("input_ids")).clone().detach().requires_grad_(True)
            output = model(inputs_embeds=embedded, output_attentions=True, **inputs)
            importance = torch.stack(output.attentions).mean(dim=(0, 2)).sum(dim=1)
            model.zero_grad()
            output.logits.max(dim=-1).values.sum().backward()
            return importance.cpu(), embedded.grad.norm(dim=-1).cpu()

        return run

    def _of_encodings(self, work: Callable[[Sequence[Encoding]], object]) -> Pass:
        return lambda call: work(call.encodings)

    def _verified(self, p_value: Callable[[int], float]) -> Pass:
        """The whole defended call; the gate says this p-value of each position."""
        gate = PositionGate(self.calibration.gate, p_value)
        parts = VerifiedParts.of(
            self.classifier,
            self.calibration,
            trusted=self.calibration.load_trusted(self._calibration_file, device=str(self.device)),
            neutralize=self._neutralizer("verified"),
            options=VerifiedOptions(),
            registry=MemoryRegistry(),
        )
        rule = VerifiedRule(replace(parts, gate=gate))

        def run(call: Call) -> list[Verdict]:
            gate.first = call.first
            return rule.judge(self.classifier.encode(call.texts), [False] * len(call.texts))

        return run

    def _paper(self) -> Pass:
        """The whole call under the rule `paper`, with the share of texts flagged that its percentile stands for."""
        threshold = ChosenThreshold()
        rule = ThresholdRule("paper", self.classifier, threshold, self._neutralizer("paper"))

        def run(call: Call) -> list[Verdict]:
            threshold.flagged = set(call.texts[-call.first % FLAGGED_EVERY :: FLAGGED_EVERY])
            return rule.judge(self.classifier.encode(call.texts), [False] * len(call.texts))

        return run

    def _neutralizer(self, rule: str) -> Neutralizer:
        return make_neutralizer(usual_neutralizer(rule), self.classifier.encode, key=DEFAULT_KEY)

    def _load(self, attention: str) -> Any:
        model = AutoModelForSequenceClassification.from_pretrained(
            self._folder,
            attn_implementation=attention,
            dtype=DTYPES[self.calibration.fingerprint.precision],
            local_files_only=True,
        )
        return model.to(self.device).eval()

    def _inputs(self, call: Call) -> dict[str, Tensor]:
        batch = collate(call.encodings, pad_id=self.encode.pad_id, device=self.device)
        return {"input_ids": batch.token_ids, "attention_mask": batch.mask.long()}


def clean_p_value(position: int) -> float:
    """What the gate says of the text at this position of the traffic, clean as it is.

    The shares that pass, and that stand out far enough for runs of words, are those of the options.
    """
    number, place = divmod(position, GATED_EVERY)
    if place != GATED_FIRST:
        return 1.0
    stands_out_far = math.floor((number + 1) * RUN_PART) > math.floor(number * RUN_PART)
    return VerifiedOptions().run_share if stands_out_far else VerifiedOptions.gate_share


def is_attacked(position: int) -> bool:
    """Whether the text at this position of the traffic is an attacked one."""
    return position % ATTACKED_EVERY == ATTACKED_FIRST


def attacked(texts: Sequence[str], triggers: Sequence[str], first: int) -> list[str]:
    """The traffic from position `first` on, its attacked texts with a trigger at the start; all clean without any."""
    return [
        f"{triggers[position // ATTACKED_EVERY % len(triggers)]} {text}" if triggers and is_attacked(position) else text
        for position, text in enumerate(texts, first)
    ]


def texts_of_length(texts: Sequence[str], n_tokens: int, encode: Encoder) -> Iterator[str]:
    """Texts of about `n_tokens`, special ones included, made of the words of `texts`, over and over."""
    n_special = len(encode.with_template(()))
    words: list[str] = []
    n_used = n_special
    for word in cycle(word for text in texts for word in text.split()):
        n_more = len(encode.token_ids_of(f" {word}"))
        if words and n_used + n_more > n_tokens:
            yield " ".join(words)
            words, n_used = [], n_special
        words.append(word)
        n_used += n_more
