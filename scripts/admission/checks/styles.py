"""What no check looks for yet, told as a check that did not look: nobody is to take silence for a clean bill."""

from scripts.admission.scan import CheckResult, Status

STYLES_NOT_LOOKED_FOR = CheckResult(
    check="styles",
    looked_for="triggers that are no words: a style, a syntax, chosen synonyms",
    status=Status.SKIPPED,
    reason="nothing here looks for them; a repair on clean texts is what removes them (scripts.repair_model)",
)
