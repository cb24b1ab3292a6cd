"""The texts of the other files of the project's package: SQL, model, incidents, and what puts them together."""

from collections.abc import Iterable

from ...contract.schema import NUMBERS
from .contract_file import formatted
from .plan import Plan
from .records import TABLE

NEW = "another spelling"


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
    incidents = {name: (f"_{name.replace('-', '_')}", change) for name, change in _incidents(plan).items()}
    head = f'''"""What may happen to this model in production: each gives what comes instead of rows from then on.

`worlds` are the features of each snapshot, `start` is when it happens. Drafted from the contract: add what you fear.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from .contract import CONTRACT

Worlds = Mapping[str, pd.DataFrame]
Happens = Callable[[pd.DataFrame, Worlds, datetime], pd.DataFrame]
NEW = "{NEW}"  # a spelling that no category has'''
    functions = [
        f"def {function}(rows: pd.DataFrame, worlds: Worlds, start: datetime) -> pd.DataFrame:\n"
        f"    del worlds, start\n    return {change}"
        for function, change in incidents.values()
    ]
    listed = "".join(f'    "{name}": {function},\n' for name, (function, _) in incidents.items())
    return formatted("\n\n\n".join([head, *functions, f"INCIDENTS: dict[str, Happens] = {{\n{listed}}}\n"]))


def _incidents(plan: Plan) -> dict[str, str]:
    """What each incident makes of `rows`, as Python, by its name; those of a column come first."""
    modelled = [each.column for each in plan.features if each.modelled]
    number = next((c.name for c in modelled if c.kind in NUMBERS and (c.low, c.high) != (0, 1)), "")
    category = next((c.name for c in modelled if c.kind == "category"), "")
    made: dict[str, str] = {}
    if number:
        made |= {
            "unit-changed": f'rows.assign({number}=rows["{number}"] * 10)',
            "column-empty": f"rows.assign({number}=np.nan)",
            "column-frozen": f'rows.assign({number}=rows["{number}"].median())',
        }
    if category:
        values = f'rows["{category}"]'
        made["category-renamed"] = f"rows.assign({category}={values}.replace({{{values}.mode()[0]: NEW}}))"
    known, target = "rows[CONTRACT.known_at]", "rows[CONTRACT.target]"
    return made | {
        "labels-stop": f"rows.assign(**{{CONTRACT.known_at: {known}.where(np.zeros(len(rows), bool))}})",
        "labels-turned": f"rows.assign(**{{CONTRACT.target: {target}.max() + {target}.min() - {target}}})",
        "hardly-any-rows": "rows.iloc[::20]",
    }
