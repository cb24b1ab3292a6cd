"""The model: an estimator that is built from its specification, and the hyperparameters that are worth a try.

The library puts an encoder in front of it (categories to ordinal codes, everything to float32) and exports what was
fitted; `tune` and the gate Model 3 try what stands in `SEARCH`.
"""

from sklearn.ensemble import HistGradientBoostingClassifier

import roadworthy as rw


def build(spec: rw.ModelSettings) -> HistGradientBoostingClassifier:
    """An unfitted estimator for the section [model] of config.toml.

    Gradient boosted trees; `docs/extensions.md` has the others that may stand here. Ordinal codes instead of their
    `categorical_features`: those have no export, and the AUC is the same (.710).
    """
    return HistGradientBoostingClassifier(
        max_iter=spec.max_iter,
        learning_rate=spec.learning_rate,
        max_leaf_nodes=spec.max_leaf_nodes,
        random_state=spec.seed,
        early_stopping=False,
    )


SEARCH = rw.SearchSpace(
    # As few trees as one can take, and leaves and rates to go with them.
    grid={
        "max_iter": (50, 100, 200),
        "learning_rate": (0.05, 0.1, 0.2),
        "max_leaf_nodes": (8, 15, 31),
    },
    # The gate has seconds only: three of them, chosen so that one is close to the best wherever that is.
    quick=(
        {"max_iter": 50, "learning_rate": 0.1, "max_leaf_nodes": 31},
        {"max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 15},
        {"max_iter": 50, "learning_rate": 0.2, "max_leaf_nodes": 15},
    ),
)
