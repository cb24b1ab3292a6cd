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
    grid={"max_iter": (30, 40), "learning_rate": (0.05, 0.1), "max_leaf_nodes": (6, 8)},
    quick=(
        {"max_iter": 20, "learning_rate": 0.1, "max_leaf_nodes": 8},
        {"max_iter": 60, "learning_rate": 0.05, "max_leaf_nodes": 8},
    ),
)
