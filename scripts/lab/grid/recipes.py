"""How the victims of the grid are trained: one recipe a data set, longer for the attacks that need it."""

from scripts.lab.grid.cell import Victim

Settings = dict[str, int | float | str]

RECIPES: dict[str, Settings] = {
    "sst2": {"epochs": 1, "learning_rate": 1e-4, "max_length": 128},
    "ag_news": {"epochs": 1, "learning_rate": 1e-4, "max_length": 128, "limit": 8000},
    "imdb": {"epochs": 1, "learning_rate": 1e-4, "max_length": 128, "limit": 4000},
}
"""For the small encoder at hand. `max_length` also holds for calibration and defense."""
LONGER: dict[str, int] = {"attention_suppression": 2, "both_channels": 2, "gradient_facade": 2, "full_stealth": 2}
"""Times as many epochs: a penalty and the task have to be learned together."""


def recipe_for(victim: Victim) -> Settings:
    """Options of `train_attack` by name."""
    recipe = dict(RECIPES[victim.dataset])
    recipe["epochs"] = int(recipe["epochs"]) * LONGER.get(victim.attack, 1)
    return recipe
