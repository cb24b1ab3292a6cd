"""A version beside others: older ones, a simpler one, and its answers for groups of people or things."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ..base import databases
from ..base.settings import FILE, Model
from ..contract.schema import Contract
from ..contract.workspace import Workspace
from ..data import snapshots
from ..data.snapshots import thin_rows
from ..model import evaluation, training
from ..model.evaluation import LEVEL
from .bench import Bench

PARTS = 6  # of the labelled days; two months of a year; more where these are longer than the allowed age, up to
MOST_PARTS = 24
LEARNED = 2  # parts that the first model has seen
AGE_ROWS, JUDGED = 8_000, 3_000
AGE_DRAWS = 100
Floats = NDArray[np.float64]
REGRESSION_ROWS = 10_000  # more of them change its AUC by less than .003
RARE = 30  # rows of a category that share one column
GROUP_DRAWS = 500


@dataclass(frozen=True)
class Ages:
    """A table by age, and the age that config.toml allows.

    `table`: since and until (days from the end of training to the days judged), periods (how many were judged),
    quality, loss against the fresh models on the same days, low and high of its 95% interval. `what`: AUC or R2.
    """

    table: pd.DataFrame
    allowed: int
    what: str = "AUC"


def measure_ages(bench: Bench) -> Ages:
    """Train on the first two parts of the data, on the first three, and so on; judge each on every later part.

    Earlier snapshots are looked at as well where the newest is too short to show the allowed age.
    """
    allowed, earlier, frame = bench.config.gates.max_age_days, bench.config.data.earlier, bench.frame
    if earlier and _days(frame[bench.contract.day]) * (PARTS - LEARNED) / PARTS < allowed:
        frame = pd.concat([snapshots.checked_features(bench.project, *earlier), frame], ignore_index=True)
    rows = frame[frame[bench.contract.target].notna()].iloc[:: bench.config.split.every]
    return Ages(losses_by_age(bench.project, rows, bench.spec), allowed, bench.problem.quality)


def losses_by_age(project: Workspace, rows: pd.DataFrame, spec: Model) -> pd.DataFrame:
    """The loss of quality by age, as `Ages.table`."""
    day = rows[project.contract.day]
    start, days = day.min(), _days(day)
    # A model of the first part of a life is fresh: only a later part shows what age costs.
    parts = min(max(PARTS, ceil(days / project.settings.gates.max_age_days)), MOST_PARTS)
    edges = [start + pd.Timedelta(days=round(days * part / parts)) for part in range(parts + 1)]
    ends = range(LEARNED, parts)
    models = {end: training.fit_pipeline(project, thin_rows(rows[day < edges[end]], AGE_ROWS), spec) for end in ends}
    judged = {end: thin_rows(rows[(day >= edges[end]) & (day < edges[end + 1])], JUDGED) for end in ends}
    answers = {
        (end, part): training.predict(models[end], spec, judged[part]) for end in ends for part in ends if part >= end
    }
    length = days / parts
    ages = []
    for age in range(parts - LEARNED):
        losses = [
            _loss(project.contract, judged[part], answers[part, part], answers[part - age, part])
            for part in ends
            if part - age in ends
        ]
        ages.append({"since": round(age * length), "until": round((age + 1) * length), **_mean(losses)})
    return pd.DataFrame(ages)


def _days(day: pd.Series) -> int:
    return int((day.max() - day.min()).days) + 1


def _loss(contract: Contract, rows: pd.DataFrame, fresh: Floats, old: Floats) -> tuple[float, evaluation.Interval]:
    y, day, problem = rows[contract.target], rows[contract.day], evaluation.problem_of(contract)
    lost = problem.compare(y, fresh, old, day, draws=AGE_DRAWS).quality
    return problem.evaluate(y, old, day, draws=1).quality.value, lost


def _mean(losses: list[tuple[float, evaluation.Interval]]) -> dict[str, float]:
    """The mean over periods, whose days are different ones: the squares of their half widths add up."""
    half = float(np.sqrt(sum(((loss.high - loss.low) / 2) ** 2 for _, loss in losses))) / len(losses)
    mean, quality = (
        float(np.mean(values)) for values in zip(*((loss.value, old) for old, loss in losses), strict=True)
    )
    return {"periods": len(losses), "quality": quality, "loss": mean, "low": mean - half, "high": mean + half}


def fit_simple(project: Workspace, rows: pd.DataFrame, spec: Model) -> Pipeline:
    """A logistic or linear regression: one column for each category, missing numbers the mean, numbers scaled."""
    some = thin_rows(rows, REGRESSION_ROWS)
    categories, numbers = training.model_inputs(spec, project.contract.features)
    codes = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE)
    scaled = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    encoder = ColumnTransformer([("category", codes, categories), ("number", scaled, numbers)])
    target = some[project.contract.target]
    if project.contract.regression:
        return make_pipeline(encoder, Ridge()).fit(some[list(spec.features)], target)
    return make_pipeline(encoder, LogisticRegression(max_iter=300)).fit(some[list(spec.features)], target.astype(int))


def measure_groups(bench: Bench) -> pd.DataFrame:
    """One row for each value of each group of config.toml, as `measure_by_group` has them.

    The expressions are evaluated over all rows of the snapshot: what is a small community does not depend on a sample.
    """
    test = bench.split.test
    groups = assign_groups(bench.contract, bench.frame, bench.config.gates.groups).loc[test.index]
    y, p = (bench.scale.apply(values) for values in (test[bench.contract.target], bench.answers))
    day, threshold, least = (
        test[bench.contract.day],
        bench.bundle.signature.threshold,
        bench.config.gates.min_group_size,
    )
    return measure_by_group(groups, pd.Series(y), p, day, threshold, least)


def assign_groups(contract: Contract, frame: pd.DataFrame, groups: Mapping[str, str]) -> pd.DataFrame:
    """The value of each group for each row of a table of features, with its index; InputError for SQL that fails."""
    features = frame[contract.features.names].reset_index(drop=True).assign(row=np.arange(len(frame)))
    values: dict[str, NDArray[np.object_]] = {}
    hint = f"it is SQL over the features: {', '.join(contract.features.names)}"
    with databases.empty_duckdb() as connection:
        connection.register("features", features)
        for name, sql in groups.items():
            what, where = f"{sql!r} cannot be evaluated", f"{FILE}: [gates.groups] {name}"
            with databases.explain_sql_errors(what, where, hint):
                made = connection.sql(f"select ({sql})::varchar as made from features order by row").fetchnumpy()
            values[name] = made["made"]
    return pd.DataFrame(values, index=frame.index)


def measure_by_group(
    groups: pd.DataFrame, y: pd.Series, p: Floats, day: pd.Series, threshold: float | None, least: int
) -> pd.DataFrame:
    """For each group: group, rows, gap, recall, and both relative to all rows with their 95% intervals by days.

    `gap` is the mean answer minus that of the labels, `recall` the share of the positives with a warning; `gap_more`
    and `recall_more` are how much more they are than on all rows. Without a threshold there is no recall (NaN). Groups
    with fewer than `least` positives, of numbers rows, are left out.
    """
    labels = y.to_numpy(dtype=np.float64)
    # Of numbers every row counts, and there is no share of them.
    positive = np.ones(len(labels)) if threshold is None else labels
    warned = np.full(len(labels), np.nan) if threshold is None else (p >= threshold).astype(np.float64)
    names, of_day = np.unique(day.to_numpy(), return_inverse=True)
    # How often a day is drawn is a weight of it: no row is copied, and a group takes a few products of matrices.
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), GROUP_DRAWS)
    weights = np.vstack([np.ones(len(names)), drawn])

    def measured(at: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        rows, gap, positives, warned_positives = (
            weights @ np.bincount(of_day[at], column[at], len(names))
            for column in (np.ones(len(p)), p - labels, positive, positive * warned)
        )
        with np.errstate(divide="ignore", invalid="ignore"):  # a draw may leave a group empty
            return gap / rows, warned_positives / positives

    every = measured(np.ones(len(p), dtype=bool))
    measured_groups = []
    for name in groups:
        for value in sorted(set(groups[name].dropna())):
            at = (groups[name] == value).to_numpy()
            if positive[at].sum() >= least:
                gap, recall = measured(at)
                row = {"group": f"{name} {value}", "rows": int(at.sum()), "gap": gap[0], "recall": recall[0]}
                measured_groups.append({**row, **_more("gap", gap - every[0]), **_more("recall", recall - every[1])})
    return pd.DataFrame(measured_groups)


def _more(name: str, draws: Floats) -> dict[str, float]:
    finite = draws[np.isfinite(draws)]
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if len(finite) else (np.nan, np.nan)
    return {f"{name}_more": float(draws[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
