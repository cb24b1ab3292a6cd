"""Logistic regression: so few rows say no more than that."""

from sklearn.linear_model import LogisticRegression

import roadworthy as rw


def build(spec: rw.ModelSettings) -> LogisticRegression:
    """An unfitted estimator for the section [model] of config.toml."""
    return LogisticRegression(C=spec.parameters["C"], max_iter=1000, random_state=spec.seed)


SEARCH = rw.SearchSpace(grid={"C": (0.1, 1.0, 10.0)}, quick=({"C": 0.1}, {"C": 10.0}))
