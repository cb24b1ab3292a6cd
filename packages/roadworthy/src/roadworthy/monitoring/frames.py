"""Tables of features as windows: what notebooks and the project's members read, beside the prediction log."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .. import export
from . import estimates, watch
from .counts import Columns
from .estimates import Estimate
from .log import PredictionLog, exists
from .monitors import Window

if TYPE_CHECKING:
    from ..project import Project


def window(project: "Project", rows: pd.DataFrame, probability: ArrayLike) -> Columns:
    """Rows of features with their answers as the monitors read them: features, probability, label, day.

    The label is NaN where it is never known.
    """
    contract = project.contract
    names = [name for name in project.settings.model.features if name in rows]
    beside = {
        "probability": np.asarray(probability, dtype=np.float64),
        "label": rows[contract.target].to_numpy(dtype=np.float64),
        "day": rows[contract.day].to_numpy(dtype="datetime64[D]"),
    }
    return {**export.columns(rows, names), **beside}


def read(project: "Project", windows: Mapping[str, Columns], version: int | str) -> pd.DataFrame:
    """The readings of windows against the reference of a version: one row per window, monitor and subject."""
    bundle, reference = watch.load(project.registry.path(version))
    return watch.by_window(reference, bundle.metrics, windows)


def estimates_of(project: "Project", windows: Mapping[str, Columns], version: int | str) -> tuple[Estimate, ...]:
    """How good a version is in each window, estimated before the labels from its answers alone."""
    _, reference = watch.load(project.registry.path(version))
    parts = [Window.of(name, columns) for name, columns in windows.items()]
    return tuple(estimates.by_window(reference, parts))


def logged(project: "Project", version: int | str) -> tuple[int, int]:
    """How many answers and labels the project's prediction log holds; InputError when it is not one of this version."""
    place = project.settings.paths.predictions
    if not exists(place):
        return 0, 0
    with PredictionLog(place, project.registry.bundle(version).signature) as log:
        return log.count()
