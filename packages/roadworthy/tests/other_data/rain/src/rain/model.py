"""A small random forest, and the few hyperparameters that are worth a try."""

from sklearn.ensemble import RandomForestClassifier

import roadworthy as rw


def build(spec: rw.ModelSettings) -> RandomForestClassifier:
    """An unfitted estimator for the section [model] of config.toml."""
    return RandomForestClassifier(
        n_estimators=spec.max_iter,
        max_leaf_nodes=spec.max_leaf_nodes,
        min_samples_leaf=int(spec.parameters["min_samples_leaf"]),
        random_state=spec.seed,
    )


SEARCH = rw.SearchSpace(
    grid={"max_iter": (50, 100), "max_leaf_nodes": (8, 16, 32), "min_samples_leaf": (5, 10, 20)},
    quick=({"max_leaf_nodes": 8, "min_samples_leaf": 20}, {"max_leaf_nodes": 32, "min_samples_leaf": 5}),
)
