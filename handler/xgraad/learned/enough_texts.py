"""Whether the clean texts are enough for the rate that is asked for."""

from collections.abc import Sequence

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
