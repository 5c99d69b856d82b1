"""Attacks: one file each, one table of them all."""

from collections.abc import Iterator, Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.lab.attacks.base import Attack


class _Table(Mapping[str, "type[Attack]"]):
    """Attacks by name, each imported when it is asked for: their names alone need no torch."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> "type[Attack]":
        found: type[Attack] = resolve_name(f"{__name__}.{self._places[name]}")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


ATTACKS: Mapping[str, "type[Attack]"] = _Table(
    {
        "attention_suppression": "adaptive.attention_suppression:AttentionSuppression",
        "badnets": "insertion.badnets:BadNets",
        "badnets_clean_label": "insertion.badnets_clean_label:BadNetsCleanLabel",
        "badpre": "weights.badpre:BadPre",
        "both_channels": "adaptive.both_channels:BothChannels",
        "common_word": "insertion.common_word:CommonWord",
        "feature_stealth": "adaptive.feature_stealth:FeatureStealth",
        "file": "file:PoisonedFile",
        "full_stealth": "adaptive.feature_stealth:FullStealth",
        "gradient_facade": "adaptive.gradient_facade:GradientFacade",
        "lws": "rewriting.lws:Lws",
        "meaningful_word": "insertion.meaningful_word:MeaningfulWord",
        "none": "none:NoAttack",
        "parameter_stealth": "adaptive.parameter_stealth:ParameterStealth",
        "rewritten": "rewriting.rewritten:Rewritten",
        "ripples": "weights.ripples:Ripples",
        "sentence": "insertion.sentence:Sentence",
        "sos": "insertion.sos:Sos",
        "source_specific": "insertion.source_specific:SourceSpecific",
        "stop_word": "insertion.stop_word:StopWord",
        "typo_robust": "insertion.typo_robust:TypoRobust",
    }
)
"""Name, and the file here and the class in it."""
