"""Attacks: one file each, one table of them all."""

from scripts.lab.attacks.attention_suppression import AttentionSuppression
from scripts.lab.attacks.badnets import BadNets
from scripts.lab.attacks.badnets_clean_label import BadNetsCleanLabel
from scripts.lab.attacks.badpre import BadPre
from scripts.lab.attacks.base import Attack, Plan, Tuner
from scripts.lab.attacks.both_channels import BothChannels
from scripts.lab.attacks.common_word import CommonWord
from scripts.lab.attacks.feature_stealth import FeatureStealth, FullStealth
from scripts.lab.attacks.file import PoisonedFile
from scripts.lab.attacks.gradient_facade import GradientFacade
from scripts.lab.attacks.lws import Lws
from scripts.lab.attacks.meaningful_word import MeaningfulWord
from scripts.lab.attacks.none import NoAttack
from scripts.lab.attacks.parameter_stealth import ParameterStealth
from scripts.lab.attacks.rewritten import Rewritten
from scripts.lab.attacks.ripples import Ripples
from scripts.lab.attacks.sentence import Sentence
from scripts.lab.attacks.sos import Sos
from scripts.lab.attacks.source_specific import SourceSpecific
from scripts.lab.attacks.stop_word import StopWord
from scripts.lab.attacks.typo_robust import TypoRobust

__all__ = ["ATTACKS", "Attack", "BadNets", "NoAttack", "Plan", "PoisonedFile", "Sos", "Tuner"]

ATTACKS: dict[str, type[Attack]] = {
    "attention_suppression": AttentionSuppression,
    "badnets": BadNets,
    "badnets_clean_label": BadNetsCleanLabel,
    "badpre": BadPre,
    "both_channels": BothChannels,
    "common_word": CommonWord,
    "feature_stealth": FeatureStealth,
    "file": PoisonedFile,
    "full_stealth": FullStealth,
    "gradient_facade": GradientFacade,
    "lws": Lws,
    "meaningful_word": MeaningfulWord,
    "none": NoAttack,
    "parameter_stealth": ParameterStealth,
    "rewritten": Rewritten,
    "ripples": Ripples,
    "sentence": Sentence,
    "sos": Sos,
    "source_specific": SourceSpecific,
    "stop_word": StopWord,
    "typo_robust": TypoRobust,
}
