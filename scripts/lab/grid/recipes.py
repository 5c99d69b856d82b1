"""How the victims of the grid are trained: one recipe a data set."""

from scripts.lab.grid.cell import Victim

Settings = dict[str, int | float | str]

RECIPES: dict[str, Settings] = {
    "sst2": {"epochs": 1, "learning_rate": 1e-4, "max_length": 128},
    "ag_news": {"epochs": 1, "learning_rate": 1e-4, "max_length": 128, "limit": 8000},
    "imdb": {"epochs": 1, "learning_rate": 1e-4, "max_length": 128, "limit": 4000},
}
"""For the small encoder at hand. `max_length` also holds for calibration and defense."""


def recipe_for(victim: Victim) -> Settings:
    """Options of `train_attack` by name."""
    return dict(RECIPES[victim.dataset])
