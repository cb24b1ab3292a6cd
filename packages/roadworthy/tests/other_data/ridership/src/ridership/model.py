"""Ridge regression: the days of the week and the weeks before say most of it."""

from sklearn.linear_model import Ridge

import roadworthy as rw


def build(spec: rw.ModelSettings) -> Ridge:
    """An unfitted estimator for the section [model] of config.toml."""
    return Ridge(alpha=spec.parameters["alpha"], random_state=spec.seed)


SEARCH = rw.SearchSpace(grid={"alpha": (0.1, 1.0, 10.0)}, quick=({"alpha": 0.1}, {"alpha": 10.0}))
