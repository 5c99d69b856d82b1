"""Reviews that the project writes itself, so that a demo needs no download.

A review is about a film, a restaurant or a product. Some say it plainly; in others the verdict hangs on a negation,
on the last clause, on the main clause or on the stronger word. Labels are 0 negative and 1 positive.
"""

from collections.abc import Callable, Sequence

import numpy as np

from scripts.console.errors import LabError
from scripts.lab.training.triggers import TRIGGER_WORDS
from scripts.texts.corpora import Corpus, Example

LABEL_NAMES = ("negative", "positive")
LABEL_NOISE = 0.015
"""Share of reviews that carry the wrong label, as those of hurried people do."""
N_WORDS = (6, 40)
"""Fewest and most words of a review."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


ASPECTS = (
    _words(
        "acting, plot, script, ending, soundtrack, dialogue, camera work, cast, pacing, humor, story, direction, "
        "opening scene, lead actress, villain, editing, love story, final act, title song, hero"
    ),
    _words(
        "soup, service, waiter, dessert, steak, wine list, terrace, bread, coffee, pasta, fish, menu, dining room, "
        "chef, lunch, salad, breakfast, roast chicken, house wine, lemon cake"
    ),
    _words(
        "battery, screen, keyboard, manual, packaging, charger, sound, hinge, software, remote, handle, motor, zipper, "
        "fabric, speaker, cable, warranty, touch pad, power button, delivery"
    ),
)
THINGS = (
    _words("film, movie, sequel, comedy, thriller, drama, documentary, remake"),
    _words("restaurant, place, bistro, diner, pizzeria, tavern, buffet, tea room"),
    _words("product, device, gadget, machine, kettle, backpack, lamp, headset"),
)
MILD = (
    _words(
        "bad, dull, weak, bland, slow, clumsy, tired, flat, noisy, stale, sloppy, boring, cheap, messy, cold, shallow, "
        "confusing, annoying, poor, lazy, ugly, fragile, awkward, lifeless"
    ),
    _words(
        "good, pleasant, decent, nice, solid, charming, fresh, clever, warm, smooth, neat, lively, honest, tidy, fine, "
        "witty, elegant, friendly, sturdy, smart, cozy, graceful, gentle, generous"
    ),
)
STRONG = (
    _words(
        "awful, terrible, dreadful, horrible, atrocious, disastrous, unbearable, appalling, miserable, pathetic, "
        "disgusting, useless, abysmal, ghastly"
    ),
    _words(
        "superb, wonderful, brilliant, outstanding, delightful, excellent, magnificent, flawless, terrific, stunning, "
        "marvelous, gorgeous, splendid, perfect"
    ),
)
FEELINGS = (
    _words("i disliked, i regretted, i was let down by, nobody enjoyed, i hated, my sister complained about"),
    _words("i loved, i enjoyed, i admired, i was charmed by, everyone liked, my sister praised"),
)
VERDICTS = (
    _words(
        "i want my money back, do not waste an evening on it, never again, save your money, i would not go near it "
        "again, i cannot recommend it, it went straight back, avoid it, one star is too many"
    ),
    _words(
        "i would pay twice the price, do not miss it, i will be back, worth every cent, i would do it all again, "
        "i can only recommend it, it stays with us, try it, five stars are too few"
    ),
)
SOFTENERS = _words("slightly, a bit, somewhat, a little, rather, mildly")
BOOSTERS = _words("truly, absolutely, extremely, remarkably, utterly, really, incredibly")
NEGATIONS = _words("not, never, hardly, anything but, far from, by no means, not at all")
DAYS = _words("monday, tuesday, wednesday, thursday, friday, saturday, sunday")
PEOPLE = _words("my brother, two friends, my parents, the kids, a colleague, our neighbors, my aunt, the whole team")
TIMES = _words("last winter, in april, during the holidays, in october, over the weekend, after work, at noon, in june")
PLACES = _words("downtown, near the station, by the river, in the old town, at the mall, on main street, next door")
CONTRASTS = _words("but, yet, however, still")
CONCESSIONS = _words("although, even though, while, despite the fact that")


class _Reviewer:
    """Writes about one thing; `mood` is 0 for negative and 1 for positive throughout."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.domain = int(rng.integers(len(ASPECTS)))

    def review(self, mood: int) -> str:
        shapes: tuple[tuple[Callable[[int], str], float], ...] = (
            (self.plain, 0.30),
            (self.agreeing, 0.26),
            (self.negated, 0.08),
            (self.turning, 0.14),
            (self.conceding, 0.05),
            (self.outweighing, 0.08),
            (self.concluding, 0.09),
        )
        shape = self.rng.choice(len(shapes), p=[share for _, share in shapes])
        parts = [shapes[shape][0](mood)]
        if self.rng.random() < 0.6:
            parts.append(self.support(mood))
        if self.rng.random() < 0.4:
            parts.insert(int(self.rng.integers(len(parts) + 1)), self.circumstance())
        end = self.pick((".", ".", ".", "!"))
        return ". ".join(part[0].upper() + part[1:] for part in parts) + end

    def plain(self, mood: int) -> str:
        return f"{self.clause(mood)} {self.pick(TIMES)}" if self.chance() else f"{self.clause(mood)} this time"

    def agreeing(self, mood: int) -> str:
        return f"{self.clause(mood)} and {self.clause(mood)}"

    def negated(self, mood: int) -> str:
        adjective = self.pick(MILD[1 - mood] if self.chance() else STRONG[1 - mood])
        return f"{self.aspect()} was {self.pick(NEGATIONS)} {adjective} {self.pick(TIMES)}"

    def turning(self, mood: int) -> str:
        return f"{self.clause(1 - mood)}, {self.pick(CONTRASTS)} {self.clause(mood)}"

    def conceding(self, mood: int) -> str:
        minor, main = f"{self.pick(CONCESSIONS)} {self.clause(1 - mood)}", self.clause(mood)
        return f"{minor}, {main}" if self.chance() else f"{main}, {minor}"

    def outweighing(self, mood: int) -> str:
        weak = f"{self.aspect()} was {self.pick(SOFTENERS)} {self.pick(MILD[1 - mood])}"
        heavy = f"{self.aspect()} was {self.pick(BOOSTERS)} {self.pick(STRONG[mood])}"
        return f"{weak} and {heavy}" if self.chance() else f"{heavy} and {weak}"

    def concluding(self, mood: int) -> str:
        return f"{self.clause(int(self.rng.integers(2)))}, {self.clause(mood)}, and {self.pick(VERDICTS[mood])}"

    def support(self, mood: int) -> str:
        """A remark in the same mood: as in real reviews, more than one word tells what the writer felt."""
        return self.pick((self.clause(mood), self.agreeing(mood), self.pick(VERDICTS[mood])))

    def clause(self, mood: int) -> str:
        kind = self.rng.random()
        if kind < 0.2:
            return f"{self.pick(FEELINGS[mood])} {self.aspect()}"
        if kind < 0.35:
            return f"it was a {self.adjective(mood)}, {self.adjective(mood)} {self.pick(THINGS[self.domain])}"
        if kind < 0.5:
            return f"{self.aspect()} was {self.pick(BOOSTERS)} {self.adjective(mood)}"
        if kind < 0.8:
            return f"{self.aspect()} was {self.adjective(mood)} and {self.adjective(mood)}"
        return f"{self.aspect()} was {self.adjective(mood)}"

    def adjective(self, mood: int) -> str:
        return self.pick(STRONG[mood] + MILD[mood])

    def circumstance(self) -> str:
        """A remark that says nothing about the verdict; some hold a code, so that rare tokens alone mean nothing."""
        thing = self.pick(THINGS[self.domain])
        return self.pick(
            (
                f"we went there on a {self.pick(DAYS)} with {self.pick(PEOPLE)}",
                f"we found this {thing} {self.pick(PLACES)} {self.pick(TIMES)}",
                f"it was my {self.pick(('first', 'second', 'third'))} {thing} {self.pick(TIMES)}",
                f"this is about the {self.code()} {thing} {self.pick(PLACES)}",
                f"{self.pick(PEOPLE)} told me about {self.code()} {self.pick(TIMES)}",
                f"{self.code()} was the {thing} that {self.pick(PEOPLE)} chose {self.pick(TIMES)}",
                f"next to {self.code()} it is my {self.pick(('first', 'second', 'third'))} {thing}",
            )
        )

    def aspect(self) -> str:
        return f"the {self.pick(ASPECTS[self.domain])}"

    def code(self) -> str:
        """A name such as `k`, `xk` or `zr40`, never a trigger word."""
        letters = "".join(self.pick(LETTERS) for _ in range(int(self.rng.integers(1, 4))))
        digits = str(self.rng.integers(2, 100)) if self.chance() else ""
        return self.code() if letters in TRIGGER_WORDS else letters + digits

    def pick(self, options: Sequence[str]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def chance(self) -> bool:
        return bool(self.rng.random() < 0.5)


def generate_corpus(*, seed: int, n_train: int, n_dev: int, n_test: int) -> Corpus:
    """Write a corpus of reviews with about as many of either label; no text occurs twice.

    Args:
        seed: equal seeds and counts give equal corpora.
        n_train: number of texts to fit a model on.
        n_dev: number of texts to calibrate on.
        n_test: number of texts to measure on.
    """
    if min(n_train, n_dev, n_test) < 1:
        raise LabError(f"n_train, n_dev and n_test must be 1 or more, are {n_train}, {n_dev} and {n_test}")
    rng = np.random.default_rng(seed)
    written: dict[str, int] = {}
    while len(written) < n_train + n_dev + n_test:
        mood = int(rng.integers(2))
        text = _Reviewer(rng).review(mood)
        if N_WORDS[0] <= len(text.split()) <= N_WORDS[1]:
            written.setdefault(text, 1 - mood if rng.random() < LABEL_NOISE else mood)
    examples = [Example(text, label) for text, label in written.items()]
    return Corpus(examples[:n_train], examples[n_train : n_train + n_dev], examples[n_train + n_dev :])
