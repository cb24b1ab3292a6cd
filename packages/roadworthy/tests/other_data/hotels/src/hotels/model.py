"""Boosted trees for the price of a night."""

from sklearn.ensemble import HistGradientBoostingRegressor

import roadworthy as rw


def build(spec: rw.ModelSettings) -> HistGradientBoostingRegressor:
    """An unfitted estimator for the section [model] of config.toml."""
    return HistGradientBoostingRegressor(**spec.hyperparameters, early_stopping=False, random_state=spec.seed)


SEARCH = rw.SearchSpace(
    grid={"max_iter": (50, 100, 200), "learning_rate": (0.05, 0.1), "max_leaf_nodes": (15, 31)},
    quick=({"max_iter": 50, "max_leaf_nodes": 15}, {"max_iter": 200}),
)
