"""A rule of this project as a judge, loaded as a server loads it."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from handler.xgraad import Defense, NoRegistry, Verdict, VerifiedOptions, in_windows
from handler.xgraad.memory.registry import MemoryRegistry, Origin, Trigger, TriggerRegistry
from scripts.lab.defenses.base import Material, Memory, TextJudge
from scripts.lab.defenses.rules.remembered import memory_of
from scripts.lab.evaluation.evaluation import Judge


class OwnRule(TextJudge):
    """Judges by the rule of its class."""

    TAKES_PAIRS = True
    RULE: ClassVar[str]
    """One of `RULES`."""
    OPTIONS: ClassVar[VerifiedOptions] = VerifiedOptions()

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        registry: TriggerRegistry = NoRegistry() if material.is_forgetful else MemoryRegistry()
        registry.add(self.known(), Origin.AUDIT)
        defense = Defense.load(
            material.checkpoint,
            material.device,
            self.RULE,
            calibration=material.calibrated(),
            neutralizer=material.neutralizer,
            options=self.OPTIONS,
            registry=registry,
        )
        self._defense = in_windows(defense, material.windows, material.windows_label)

    def known(self) -> Iterable[Trigger]:
        """What is remembered from the start. Here: nothing."""
        return ()

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """See `TextJudge`."""
        return self._defense(texts)

    def cold(self) -> Judge:
        """See `TextJudge`."""
        return self._defense.cold()

    def memory(self) -> Memory:
        """See `TextJudge`."""
        return memory_of(self._defense)
