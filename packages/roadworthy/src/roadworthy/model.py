"""The model as the library trains it: an encoder, and the estimator that the project builds of its specification."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from .schema import Table
from .settings import Model

if TYPE_CHECKING:
    from .project import Project


def build(project: "Project", spec: Model) -> Pipeline:
    """An unfitted pipeline: categories to ordinal codes, everything to float32, then the project's estimator.

    The estimator gets float32 in training already, so that a float32 runtime agrees with it.
    """
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan, dtype=np.float32
    )
    categories, numbers = inputs(spec, project.contract.features)
    encoder = ColumnTransformer([("category", codes, categories), ("number", FunctionTransformer(_float32), numbers)])
    return Pipeline([("encoder", encoder), ("trees", project.build(spec))])


def inputs(spec: Model, table: Table) -> tuple[list[str], list[str]]:
    """The names of the features in the order in which the trees see them: first the categories, then the numbers."""
    kinds = {column.name: column.kind for column in table.columns}
    categories = [name for name in spec.features if kinds[name] == "category"]
    return categories, [name for name in spec.features if kinds[name] != "category"]


def categories(pipeline: Pipeline) -> list[list[str]]:
    """The categories that training has seen, per categorical feature; the place in the list is the code."""
    codes = pipeline.named_steps["encoder"].named_transformers_["category"]
    return [[value for value in seen if isinstance(value, str)] for seen in codes.categories_]


def _float32(frame: pd.DataFrame) -> np.ndarray:
    return frame.to_numpy(dtype=np.float32, na_value=np.nan)
