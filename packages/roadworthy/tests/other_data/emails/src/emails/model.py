"""Boosted trees, and the few hyperparameters that are worth a try."""

from sklearn.ensemble import HistGradientBoostingClassifier

import roadworthy as rw


def build(spec: rw.ModelSettings) -> HistGradientBoostingClassifier:
    """An unfitted estimator for the section [model] of config.toml."""
    return HistGradientBoostingClassifier(
        max_iter=spec.max_iter,
        learning_rate=spec.learning_rate,
        max_leaf_nodes=spec.max_leaf_nodes,
        random_state=spec.seed,
        early_stopping=False,
    )


SEARCH = rw.SearchSpace(
    grid={"max_iter": (30, 60, 120), "learning_rate": (0.05, 0.1), "max_leaf_nodes": (3, 6, 12)},
    quick=(
        {"max_iter": 30, "learning_rate": 0.05, "max_leaf_nodes": 3},
        {"max_iter": 120, "learning_rate": 0.1, "max_leaf_nodes": 12},
    ),
)
