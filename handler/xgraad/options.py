"""What an operator may choose, with the defaults. Needs no torch: command lines show it before anything is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass

from handler.xgraad.errors import SettingsError

RULES = ("conformal", "paper", "verified")
"""`paper` as published; `conformal` flags at the wanted rate whatever the length; `verified` tests before it acts."""
DEFAULT_RULE = "verified"
NEUTRALIZERS = ("noise", "mask", "delete")
WINDOW_LABELS = ("any", "max", "mean")
"""How the label of a long text is made of its windows; see `WindowLabel`."""
USUAL_MAX_WINDOWS = 8
MOST_WINDOWS = 64
"""Windows of one text: what is looked at unless told otherwise, and at most."""
PAPER_NEUTRALIZER = "noise"
DEFAULT_NEUTRALIZER = "delete"
"""Of every rule but `paper`: a verified trigger is best gone. Noise leaves gibberish, and some of it passes for one."""
DEFAULT_KEY = b"xgraad"
"""Seeds the character noise. Public; set one of your own to keep attackers from foreseeing it."""
DEFAULT_THRESHOLD = 0.5
"""Probability above which a text has a label, where it may have several."""
PAPER_PERCENTILE = 95.0
"""Section 4.2.1 of the paper (65 for ALBERT there)."""

DOMAIN_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$"
"""Of a domain that a calibration tells apart; it stands in metrics and logs."""

RUN_PART = 0.4
"""Part of the texts behind the gate, those that stand out most, of which runs of words are tried, too. Runs cost most,
and every text with a planted phrase stands out that far; where single words do something together, all are tried."""


@dataclass(frozen=True, kw_only=True)
class VerifiedOptions:
    """What an operator may choose about the rule `verified`."""

    gate_share: float = 0.05
    """Share of clean texts that pass the gate and are tested, in (0, 1]: more cost, fewer misses."""
    screen: bool = True
    """Whether words that the calibration texts do not have are tried on a clean text, whatever the gate says."""
    score_all: bool = False
    """Whether texts that do not pass the gate get an anomaly score, too. It decides nothing and costs two passes."""
    second_opinion: bool = False
    """Whether the reference answers texts that the gate objects to and in which no trigger is found; see
    `SecondOpinion`."""
    max_rounds: int = 8
    """How often a text whose label still stands is examined. A round that verifies nothing is the last."""

    def __post_init__(self) -> None:
        if not 0 < self.gate_share <= 1:
            raise SettingsError(f"gate_share must be above 0 and at most 1, got {self.gate_share}")

    @property
    def run_share(self) -> float:
        """Share of clean texts of which runs of words are tried, too, in (0, 1]."""
        return self.gate_share if self.gate_share == 1 else RUN_PART * self.gate_share


DEFAULT_OPTIONS = VerifiedOptions()


def usual_neutralizer(rule: str) -> str:
    """What a rule does to suspects unless told otherwise."""
    return PAPER_NEUTRALIZER if rule == "paper" else DEFAULT_NEUTRALIZER


def chosen_names(rule: str | None, neutralizer: str | None) -> tuple[str, str]:
    """Rule and neutralizer, the usual ones where none is named.

    Raises:
        SettingsError: there is none of that name.
    """
    rule = check_name("rule", DEFAULT_RULE if rule is None else rule, RULES)
    neutralizer = usual_neutralizer(rule) if neutralizer is None else neutralizer
    return rule, check_name("neutralizer", neutralizer, NEUTRALIZERS)


def check_name(field: str, name: str, allowed: Sequence[str]) -> str:
    """`name`, when it is one of `allowed`.

    Raises:
        SettingsError: it is not; the message lists what is.
    """
    if name not in allowed:
        raise SettingsError(f"{field} must be one of {', '.join(sorted(allowed))}, got {name!r}")
    return name
