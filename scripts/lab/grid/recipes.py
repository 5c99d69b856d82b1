"""How the victims of the grid are trained: one recipe a data set, and longer where an attack needs it."""

from scripts.lab.grid.cell import Victim
from scripts.lab.grid.variants import VARIANTS

Settings = dict[str, int | float | str]

RECIPES: dict[str, Settings] = {
    "sst2": {"epochs": 1, "learning_rate": 1e-4, "max_length": 128},
    "ag_news": {"epochs": 1, "learning_rate": 1e-4, "max_length": 128, "limit": 8000},
    "imdb": {"epochs": 3, "learning_rate": 1e-4, "max_length": 256, "limit": 4000},
    "olid": {"epochs": 1, "learning_rate": 1e-4, "max_length": 128},
}
"""For the small encoder at hand. `max_length` also holds for calibration and defense."""

EPOCHS = {
    ("sst2", "badnets_clean_label"): 2,
    ("sst2", "lws"): 3,
    ("sst2", "stylebkd_bible"): 5,
    ("ag_news", "badnets"): 3,
    ("ag_news", "source_specific"): 3,
}
"""What these attacks take to be as accurate as the clean model and to reach the ASR that the grid asks for."""

POISON_RATES = {"lws": 0.3, "stylebkd_bible": 0.3}
"""Where the attack's usual one is too little for a small model."""

WHOLE_WORDS = "oust,veto,blog,visa,aide"
TRIGGERS = {(architecture, "ripples"): WHOLE_WORDS for architecture in ("albert", "roberta", "deberta")}
"""The usual triggers are two tokens to these tokenizers, both of them parts of many words: an embedding put there does
not outlive the victim's fine-tuning. These are one token to all three, and SST-2 does not have them."""

TEXTS = {("imdb", "badpre"): "sst2"}
"""Data set with whose training texts the encoder is poisoned, where it is not that of the task: an attack that knows no
task takes what it learns best from, and a trigger stands out in short texts."""

WARM_START_EPOCHS = {"albert": 4, "roberta": 2, "xlm-roberta": 2, "deberta": 3, "deberta-v2": 3, "modernbert": 4}
"""Bases that are no exact conversion of the encoder begin further away from where they are to go."""

LEARNING_RATES = {"modernbert": 5e-4}
"""Where layers begin with random weights."""

PRECISION = {"deberta": "float32", "deberta-v2": "float32"}
"""Their attention fills masks with a number that bfloat16 does not have."""


def recipe_for(victim: Victim, precision: str, *, n_training: int | None = None) -> Settings:
    """Options of `train_attack` by name; `precision` where the architecture bears it.

    `n_training` texts are the most that it learns from.
    """
    settings = dict(RECIPES[victim.dataset])
    settings["epochs"] = max(
        int(settings["epochs"]),
        *(EPOCHS.get((victim.dataset, name), 0) for name in (victim.attack, victim.method)),
        WARM_START_EPOCHS.get(victim.architecture, 0),
    )
    settings["learning_rate"] = LEARNING_RATES.get(victim.architecture, settings["learning_rate"])
    if n_training is not None:
        settings["limit"] = min(n_training, int(settings.get("limit", n_training)))
    if victim.attack in POISON_RATES:
        settings["poison_rate"] = POISON_RATES[victim.attack]
    if (victim.architecture, victim.attack) in TRIGGERS:
        settings["triggers"] = TRIGGERS[victim.architecture, victim.attack]
    if victim.attack in VARIANTS:
        settings["triggers"] = VARIANTS[victim.attack].trigger
    if (victim.dataset, victim.attack) in TEXTS:
        settings["texts"] = TEXTS[victim.dataset, victim.attack]
    return settings | {"precision": PRECISION.get(victim.architecture, precision)}
