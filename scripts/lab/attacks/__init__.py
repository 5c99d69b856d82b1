"""Attacks: one file each, one table of them all."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.lab.attacks.base import Attack


class _Table(Mapping[str, "type[Attack]"]):
    """Attacks by name, each imported when it is asked for: their names alone need no torch."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> "type[Attack]":
        module, _, attack = self._places[name].partition(".")
        found: type[Attack] = getattr(import_module(f"{__name__}.{module}"), attack)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


ATTACKS: Mapping[str, "type[Attack]"] = _Table(
    {
        "attention_suppression": "attention_suppression.AttentionSuppression",
        "badnets": "badnets.BadNets",
        "badnets_clean_label": "badnets_clean_label.BadNetsCleanLabel",
        "badpre": "badpre.BadPre",
        "both_channels": "both_channels.BothChannels",
        "common_word": "common_word.CommonWord",
        "feature_stealth": "feature_stealth.FeatureStealth",
        "file": "file.PoisonedFile",
        "full_stealth": "feature_stealth.FullStealth",
        "gradient_facade": "gradient_facade.GradientFacade",
        "lws": "lws.Lws",
        "meaningful_word": "meaningful_word.MeaningfulWord",
        "none": "none.NoAttack",
        "parameter_stealth": "parameter_stealth.ParameterStealth",
        "rewritten": "rewritten.Rewritten",
        "ripples": "ripples.Ripples",
        "sentence": "sentence.Sentence",
        "sos": "sos.Sos",
        "source_specific": "source_specific.SourceSpecific",
        "stop_word": "stop_word.StopWord",
        "typo_robust": "typo_robust.TypoRobust",
    }
)
"""Name, and the file here and the class in it."""
