"""Ridge regression: so few rows say no more than that."""

from sklearn.linear_model import Ridge

import roadworthy as rw


def build(spec: rw.ModelSettings) -> Ridge:
    """An unfitted estimator for the section [model] of config.toml."""
    return Ridge(alpha=spec.parameters["alpha"], random_state=spec.seed)


SEARCH = rw.SearchSpace(grid={"alpha": (0.1, 1.0, 10.0)}, quick=({"alpha": 0.1}, {"alpha": 10.0}))
