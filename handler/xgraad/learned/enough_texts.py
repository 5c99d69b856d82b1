"""Can these texts be calibrated on? Asked before any model is."""

from collections.abc import Sequence

from handler.xgraad.errors import TextError
from handler.xgraad.learned.calibration import MIN_TEXTS
from handler.xgraad.learned.carrying import require_distinct
from handler.xgraad.scoring.conformal import texts_needed


def require_texts(texts: Sequence[str], max_fpr: float, max_windows: int = 1) -> None:
    """Refuse texts that are too few for the rate or say the same over and over, before any model is asked.

    A text of many windows is flagged by the most suspicious one, so each of these has a part of the rate.

    Raises:
        TooFewTextsError: says how many there are and how many are needed.
    """
    of_many = f" of texts of {max_windows} windows" if max_windows > 1 else ""
    needed = max(texts_needed(max_fpr / max_windows), MIN_TEXTS)
    require_distinct(texts, needed=needed, why=f"max_fpr {max_fpr}{of_many}")


def require_no_blank(texts: Sequence[str], *, n_before: int) -> None:
    """Refuse a text that no request could be; `n_before` texts came before these.

    Raises:
        TextError: names the first.
    """
    blank = next((place for place, text in enumerate(texts) if not text.strip()), None)
    if blank is not None:
        raise TextError(f"clean text {n_before + blank + 1}: is blank, as no request may be; leave it out")
