"""A model that anybody would try first: logistic regression on the same features, fitted on the same period."""

from typing import TYPE_CHECKING

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .. import model
from ..data import thinned
from ..settings import Model

if TYPE_CHECKING:
    from ..project import Project

ROWS = 10_000  # more of them change its AUC by less than .003
RARE = 30  # rows of a category that share one column


def fit(project: "Project", rows: pd.DataFrame, spec: Model) -> Pipeline:
    """One column for each category, missing numbers replaced by the mean, numbers scaled."""
    some = thinned(rows, ROWS)
    categories, numbers = model.inputs(spec, project.contract.features)
    codes = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE)
    scaled = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    encoder = ColumnTransformer([("category", codes, categories), ("number", scaled, numbers)])
    pipeline = make_pipeline(encoder, LogisticRegression(max_iter=300))
    return pipeline.fit(some[list(spec.features)], some[project.contract.target].astype(int))
