"""The texts of the other files of the project's package: SQL, model, incidents, and what puts them together."""

from collections.abc import Iterable

from .plan import Plan
from .records import TABLE


def features_sql(plan: Plan) -> str:
    """The text of features.sql."""
    roles = plan.decided.roles
    parts = [
        each.sql if each.sql == each.column.name or " as " in each.sql else f"{each.sql} as {each.column.name}"
        for each in plan.features
    ]
    body = ",\n".join(f"    {part}" for part in parts)
    order = "asked_at, " if roles.time else ""
    key = roles.key or "row_id"
    head = "-- One row for each record: what is known when a prediction is asked for, and the target."
    return f"{head}\nselect\n{body}\nfrom {TABLE}\norder by {order}{key}\n"


def trace_sql(plan: Plan) -> str:
    """The text of trace_records.sql: the raw rows behind a prediction."""
    key = plan.decided.roles.key or "row_id"
    numeric = any(column.name == key and column.kind == "integer" for column in plan.raw)
    keys = "unnest($keys)::bigint" if numeric else "unnest($keys)"
    head = "-- The raw rows of the predictions that `trace` follows ($keys)."
    return f"{head}\nselect * from {TABLE} where {key} in (select {keys})\n"


def package_text(plan: Plan) -> str:
    """The text of the package's __init__.py."""
    return f'''"""{plan.title}

`PROJECT` is what the library asks for. Functions of the team's own (a source, a feature step, a metric, a check, a
gate, a monitor, a command) are registered here by their names; docs/extensions.md has an example of each.
"""

from pathlib import Path

import roadworthy as rw

from .contract import CONTRACT

PROJECT = rw.Definition(
    contract=CONTRACT,
    sql=Path(__file__).parent,  # features.sql, read_{TABLE}.sql and trace_{TABLE}.sql
    model=f"{{__name__}}.model:build",
    search=f"{{__name__}}.model:SEARCH",
    incidents=f"{{__name__}}.incidents:INCIDENTS",
)
'''


def model_text(size: tuple[int, int], *, boosting: bool, regression: bool) -> str:
    """The text of model.py: boosting, of so many trees and leaves about, or a linear model."""
    trees, leaves = (size[0] // 2, size[0], 2 * size[0]), (max(3, size[1] // 2), size[1])
    if boosting:
        name = f"HistGradientBoosting{'Regressor' if regression else 'Classifier'}"
        tried = f'"max_iter": {_tuple(trees)}, "learning_rate": (0.05, 0.1), "max_leaf_nodes": {_tuple(leaves)}'
        grid = f"""grid={{{tried}}},
    quick=(
        {{"max_iter": {trees[0]}, "learning_rate": 0.1, "max_leaf_nodes": {leaves[-1]}}},
        {{"max_iter": {trees[-1]}, "learning_rate": 0.05, "max_leaf_nodes": {leaves[0]}}},
    ),"""
        return f'''"""Boosted trees, and the few hyperparameters that are worth a try."""

from sklearn.ensemble import {name}

import roadworthy as rw


def build(spec: rw.ModelSettings) -> {name}:
    """An unfitted estimator for the section [model] of config.toml."""
    return {name}(
        max_iter=spec.max_iter,
        learning_rate=spec.learning_rate,
        max_leaf_nodes=spec.max_leaf_nodes,
        random_state=spec.seed,
        early_stopping=False,
    )


SEARCH = rw.SearchSpace(
    {grid}
)
'''
    name, words = ("Ridge", "Ridge regression") if regression else ("LogisticRegression", "Logistic regression")
    strength = "alpha" if regression else "C"
    more = "" if regression else ", max_iter=1000"
    return f'''"""{words}: trees are not surely better on these rows."""

from sklearn.linear_model import {name}

import roadworthy as rw


def build(spec: rw.ModelSettings) -> {name}:
    """An unfitted estimator for the section [model] of config.toml."""
    return {name}({strength}=spec.parameters["{strength}"], random_state=spec.seed{more})


SEARCH = rw.SearchSpace(grid={{"{strength}": (0.1, 1.0, 10.0)}}, quick=({{"{strength}": 0.1}}, {{"{strength}": 10.0}}))
'''


def _tuple(values: Iterable[int]) -> str:
    return f"({', '.join(map(str, values))})"


def incidents_text(plan: Plan) -> str:
    """The text of incidents.py: what may happen to these columns in production."""
    numbers = [
        f.column.name
        for f in plan.features
        if f.modelled and f.column.kind in ("number", "integer") and (f.column.low, f.column.high) != (0, 1)
    ]
    categories = [f.column.name for f in plan.features if f.modelled and f.column.kind == "category"]
    number = numbers[0] if numbers else plan.modelled[0]
    parts = [
        f"""
def _factor_of_ten(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign({number}=rows["{number}"] * 10)


def _column_empty(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign({number}=np.nan)


def _column_frozen(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign({number}=rows["{number}"].median())


def _labels_stop(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign(**{{CONTRACT.known_at: rows[CONTRACT.known_at].where(np.zeros(len(rows), bool))}})


def _labels_turned(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    target = rows[CONTRACT.target]
    return rows.assign(**{{CONTRACT.target: target.max() + target.min() - target}})


def _half_of_the_rows(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.iloc[::20]
"""
    ]
    names = {
        f"{number}-times-ten": "_factor_of_ten",
        f"{number}-empty": "_column_empty",
        f"{number}-frozen": "_column_frozen",
    }
    names |= {"labels-stop": "_labels_stop", "labels-turned": "_labels_turned", "hardly-any-rows": "_half_of_the_rows"}
    if categories:
        category = categories[0]
        parts.append(f"""

def _category_renamed(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:
    del worlds, start
    return rows.assign({category}=rows["{category}"].replace({{rows["{category}"].mode()[0]: NEW}}))
""")
        names[f"{category}-renamed"] = "_category_renamed"
    new = '\nNEW = "another spelling"  # of a category\n' if categories else "\n"
    text = (
        f'''"""What may happen to this model in production: each gives what comes instead of rows from then on.

`worlds` are the features of each snapshot, `start` is when it happens. Drafted from the contract: add what you fear.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from .contract import CONTRACT

Worlds = Mapping[str, pd.DataFrame]
Happens = Callable[[pd.DataFrame, Worlds, datetime], pd.DataFrame]{new}{"".join(parts)}

INCIDENTS: dict[str, Happens] = {{
'''
        + "".join(f'    "{name.replace("_", "-")}": {function},\n' for name, function in names.items())
        + "}\n"
    )
    return text.replace("_half_of_the_rows", "_hardly_any_rows")
