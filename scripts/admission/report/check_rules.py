"""What is said of each check whatever it finds: its lasting number, what an objection means, and what to do then."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CheckRule:
    """One check, as readers of many scans know it."""

    id: str
    """Never given to another check, never changed: results of years are compared by it."""
    check: str
    """The name in `CheckResult.check`."""
    title: str
    objection: str
    """What is wrong where it objects, in a sentence."""
    meaning: str
    """Why that is suspicious."""
    cure: str
    """What to do where it objects."""


_DO_NOT_SERVE = "Do not serve the checkpoint as it is."

RULES = (
    CheckRule(
        id="XGRAAD001",
        check="files",
        title="Files",
        objection="The checkpoint's files are unsafe, incomplete or of no supported model.",
        meaning="Weights that are a pickle run code when they are loaded, and files that do not belong together make"
        " another model than the one that was meant. Only safetensors weights of a supported architecture, with all"
        " that belongs to them, can be scanned and served.",
        cure="Load the files with nothing else. Fetch the checkpoint again, whole and as safetensors, from a source"
        " that you trust, and compare its digest.",
    ),
    CheckRule(
        id="XGRAAD002",
        check="words",
        title="Words",
        objection="Words bring a label about in clean texts of another class.",
        meaning="Words were put into clean texts that the model has in another class. An honest word turns few of them;"
        " words that turn nearly all, whatever the text says, are a trigger.",
        cure=f"{_DO_NOT_SERVE} Repair it with scripts.repair_model and scan it again, or serve it behind the defense,"
        " which takes such words out of texts. Where the words honestly mean the label, somebody who knows the texts"
        " must say so.",
    ),
    CheckRule(
        id="XGRAAD003",
        check="styles",
        title="Styles",
        objection="A style or a syntax brings one label about.",
        meaning="A trigger need not be a word: texts rewritten in a style, a syntax or with chosen synonyms may all get"
        " one label. What the rewriting itself does to the meaning an honest model follows, too.",
        cure=f"{_DO_NOT_SERVE} Repair it with scripts.repair_model and scan it again, or train it anew from a base that"
        " you trust.",
    ),
    CheckRule(
        id="XGRAAD004",
        check="overshoot",
        title="Overshoot",
        objection="A word pushes texts further into a label that they have already than honest words can.",
        meaning="Evidence saturates: where a text says something, another word that says it adds little. A word that"
        " goes on where all others stop takes another way through the model, as words of a trigger do, and words of a"
        " phrase that is one.",
        cure=f"{_DO_NOT_SERVE} Put the words it names into clean texts, with the words that may belong to them, and see"
        " what label comes out. Repair it with scripts.repair_model and scan it again.",
    ),
)

_BY_CHECK = {rule.check: number for number, rule in enumerate(RULES)}


def index_of(check: str) -> int:
    """The place in `RULES` of the rule about a check.

    Raises:
        LookupError: there is none, so a new check came without its rule.
    """
    if check not in _BY_CHECK:
        raise LookupError(f"{check}: a check without a rule; add one with a new number to RULES")
    return _BY_CHECK[check]


def rule_of(check: str) -> CheckRule:
    """The rule about a check.

    Raises:
        LookupError: see `index_of`.
    """
    return RULES[index_of(check)]
