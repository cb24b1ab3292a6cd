"""What config.toml says of new data: periods, model, features, slices, groups; with the reason of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from ...base.errors import InputError
from ...data.snapshots import MIN_ROWS, thin_rows
from ...model.estimators import inputs_of
from ...model.evaluation import Evaluation, NumberEvaluation, Problem, problem_of, strongest_alone
from .plan import Plan, contract_of

Floats = NDArray[np.float64]
SLICES, VALUES = 2, 12  # columns by which figures are shown in parts, and values of such a column
TEST = 0.3  # of the rows, the newest: the test period
NEWEST = 0.15  # of the rows: on which a challenger meets the champion
MIN_DAYS = 28  # of either: four weeks, as the gate Infrastructure 4 asks for
TRIED = 20_000  # rows on which models are compared
MIN_POSITIVES = 20  # of a group that is judged; 200 where there are as many
DEFAULT_WINDOW = (300, 42)  # of the monitors: rows, and days without a judgement
ROWS_OF_A_WINDOW = 50  # at least, for the monitors
ALONE_ROOM = 0.07  # above what the strongest feature reaches alone
STRONG = 0.2  # rank correlation from which on a direction is expected of the model


@dataclass(frozen=True)
class Periods:
    """Train and test of the split, and of a retraining; the end not included."""

    train: tuple[date, date]
    test: tuple[date, date]
    challenger: tuple[date, date]
    newest: tuple[date, date]


@dataclass(frozen=True)
class ModelChoice:
    """The model that is proposed, and what the others reach on the same rows: by name, quality and its interval."""

    boosting: bool
    table: pd.DataFrame
    why: str
    answers: Floats = field(repr=False)
    labels: Floats = field(repr=False)


def choose_periods(frame: pd.DataFrame, target: str) -> Periods:
    """The newest rows test, those before them train; InputError when there are too few days or rows."""
    labelled = frame[frame[target].notna()]
    days = labelled["asked_day"].dt.date.value_counts().sort_index()
    first, last = days.index[0], days.index[-1]
    if (last - first).days < 2 * MIN_DAYS:
        what = f"covers {(last - first).days + 1} days, {first} to {last}; at least {2 * MIN_DAYS + 1} are needed"
        raise InputError(
            what, where="--time", hint="give more days, or leave --time out: then rows are split at random"
        )
    reached = days.cumsum() / days.sum()
    end = last + timedelta(days=1)
    latest = end - timedelta(days=MIN_DAYS)
    test = min(_first_day(reached, 1 - TEST), latest)
    newest = max(min(_first_day(reached, 1 - NEWEST), latest), test + timedelta(days=1))
    if (end - newest).days < MIN_DAYS:
        test, newest = test - timedelta(days=7), latest
    for name, begin, stop in (("training", first, test), ("test", test, end), ("newest", newest, end)):
        part = labelled[(labelled["asked_day"].dt.date >= begin) & (labelled["asked_day"].dt.date < stop)]
        if len(part) < MIN_ROWS and name == "newest":
            newest = _day_with_rows(days, MIN_ROWS)
        elif len(part) < MIN_ROWS:
            what = f"has {len(part)} labelled rows from {begin} to {stop}, the {name}; at least {MIN_ROWS} are needed"
            raise InputError(what, where="--time", hint="give more rows")
        if part[target].nunique() < 2:
            what = f"has one value of the target only from {begin} to {stop}, the {name}"
            raise InputError(what, where="--target", hint="give more rows, or another target")
    newest = max(newest, test + timedelta(days=1)) if (end - test).days > MIN_DAYS else test
    return Periods((first, test), (test, end), (first, newest), (newest, end))


def _first_day(reached: pd.Series, share: float) -> date:
    day: date = reached.index[int((reached >= share).argmax())]
    return day


def _day_with_rows(days: pd.Series, rows: int) -> date:
    from_end = days[::-1].cumsum()
    day: date = from_end.index[int((from_end >= rows).argmax())]
    return day


def choose_model(plan: Plan, frame: pd.DataFrame) -> ModelChoice:
    """Boosting or a linear model: the one that is surely better on later rows of the training, beside the prior."""
    contract = contract_of(plan)
    problem, target, day = problem_of(contract), contract.target, contract.day
    rows = thin_rows(frame[frame[target].notna()].reset_index(drop=True), TRIED)
    edge = int(len(rows) * 0.7)
    train, test = rows.iloc[:edge], rows.iloc[edge:]
    y, labels = train[target].to_numpy(dtype=np.float64), test[target].to_numpy(dtype=np.float64)
    texts = [f.column.name for f in plan.features if f.modelled and f.column.kind == "category"]
    numbers = [name for name in plan.modelled if name not in texts]
    encoded = [_encoded(train, part, texts, numbers) for part in (train, test)]
    answers = {
        "always the mean": np.full(len(test), y.mean()),
        "linear": _answers(_linear(plan, len(texts), len(numbers)), encoded, y),
        "boosting": _answers(_boosting(plan, len(train)), encoded, y),
    }
    results = {name: problem.evaluate(labels, each, test[day]) for name, each in answers.items()}
    difference = problem.compare(labels, answers["boosting"], answers["linear"], test[day]).quality
    boosting = difference.low > 0
    interval = f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    what = f"boosting minus linear: {problem.quality} {interval}"
    why = f"{what}: boosting is surely better" if boosting else f"{what}: not surely better, so the simpler one"
    best = results["boosting" if boosting else "linear"].quality
    if best.low <= results["always the mean"].quality.high:
        why = f"{why}; neither is surely better than always the mean: is there anything to learn?"
    return ModelChoice(boosting, _table(results, problem), why, answers["boosting" if boosting else "linear"], labels)


def _table(results: "dict[str, Evaluation | NumberEvaluation]", problem: Problem) -> pd.DataFrame:
    rows = [
        {"model": name, problem.quality: each.quality.value, "low": each.quality.low, "high": each.quality.high}
        for name, each in results.items()
    ]
    return pd.DataFrame(rows).round(4)


def _encoded(
    train: pd.DataFrame, part: pd.DataFrame, texts: Sequence[str], numbers: Sequence[str]
) -> NDArray[np.float32]:
    columns = []
    for name in texts:
        known = sorted(train[name].dropna().unique())
        codes = pd.Categorical(part[name], categories=known).codes.astype(np.float32)
        columns.append(np.where(codes < 0, np.nan, codes))
    columns += [part[name].to_numpy(dtype=np.float32) for name in numbers]
    return np.column_stack(columns).astype(np.float32)


def _boosting(plan: Plan, rows: int) -> Any:
    trees, leaves = sizes(rows)
    kind = HistGradientBoostingRegressor if plan.decided.roles.regression else HistGradientBoostingClassifier
    return kind(max_iter=trees, learning_rate=0.1, max_leaf_nodes=leaves, random_state=0, early_stopping=False)


def sizes(rows: int) -> tuple[int, int]:
    """Trees, and leaves of each, for so many rows: small ones have nothing to fill large trees with."""
    if rows < 2_000:
        return 60, 6
    return (100, 15) if rows < 20_000 else (200, 31)


def _linear(plan: Plan, texts: int, numbers: int) -> Any:
    from sklearn.pipeline import make_pipeline

    model = (
        Ridge(random_state=0) if plan.decided.roles.regression else LogisticRegression(max_iter=1000, random_state=0)
    )
    return make_pipeline(inputs_of(model, texts, numbers), model)


def _answers(model: Any, inputs: Sequence[NDArray[np.float32]], y: Floats) -> Floats:
    train, test = inputs
    model.fit(train, y)
    answers = model.predict_proba(test)[:, -1] if hasattr(model, "predict_proba") else model.predict(test)
    return np.asarray(answers, dtype=np.float64)


def choose_slices(plan: Plan, frame: pd.DataFrame) -> list[str]:
    """Columns of few values by which figures are shown in parts; the most even ones first."""
    made = []
    for each in plan.features:
        column = each.column
        if column.kind == "category" or (column.kind == "integer" and each.modelled):
            counts = frame[column.name].value_counts(normalize=True)
            if 2 <= len(counts) <= VALUES and counts.iloc[1] > 0.05:
                made.append((counts.iloc[0], column.name))
    return [name for _, name in sorted(made)[:SLICES]]


def strongest(plan: Plan, frame: pd.DataFrame) -> list[tuple[str, float]]:
    """The numbers among the features with their rank correlation with the target, the strongest first."""
    target = frame[plan.decided.roles.target]
    found = []
    for each in plan.features:
        if each.modelled and each.column.kind in ("number", "integer") and frame[each.column.name].nunique() > 2:
            value = frame[each.column.name].corr(target, method="spearman")
            if np.isfinite(value):
                found.append((each.column.name, float(value)))
    return sorted(found, key=lambda pair: -abs(pair[1]))


def config_values(plan: Plan, frame: pd.DataFrame, periods: Periods | None, choice: ModelChoice) -> dict[str, Any]:
    """The values that config.toml is filled with, by name."""
    roles = plan.decided.roles
    labelled = frame[frame[roles.target].notna()]
    tested = labelled if periods is None else labelled[labelled["asked_day"].dt.date >= periods.test[0]]
    share = 1.0 if periods else max(TEST, min(0.5, 220 / max(len(labelled), 1)))
    slices = choose_slices(plan, frame)
    directions = [(name, sign) for name, sign in strongest(plan, frame)[:1] if abs(sign) >= STRONG]
    values: dict[str, Any] = {
        "periods": periods,
        "test_share": round(share, 3),
        "slices": slices,
        "alone": _most_alone(plan, tested),
        "directions": [(name, *_ends(frame[name]), sign > 0) for name, sign in directions],
        "trees": sizes(len(labelled)),
        "boosting": choice.boosting,
        "min_group_size": int(np.clip(_smallest_group(plan, tested, share, slices), MIN_POSITIVES, 200)),
        "max_age_days": 365 if periods is None else int(np.ceil((periods.test[1] - periods.test[0]).days * 1.1 + 7)),
        "window": _window(tested, periods),
    }
    if not roles.regression:
        base = float(labelled[roles.target].mean())
        values["threshold"] = float(np.clip(round(float(np.quantile(choice.answers, 1 - base)), 2), 0.01, 0.99))
    return values


def _most_alone(plan: Plan, tested: pd.DataFrame) -> float:
    """What the strongest feature reaches alone, and some room above it."""
    most = strongest_alone(contract_of(plan), tested, plan.modelled)[1]
    return float(np.clip(round(most + ALONE_ROOM, 2), 0.55, 0.995))


def _ends(values: pd.Series) -> tuple[float, float]:
    low, high = (float(f"{values.quantile(share):.3g}") for share in (0.1, 0.9))
    return (low, high) if low < high else (float(values.min()), float(values.max()))


def _smallest_group(plan: Plan, tested: pd.DataFrame, share: float, slices: Sequence[str]) -> float:
    target = tested[plan.decided.roles.target]
    rows = pd.Series(1.0, target.index) if plan.decided.roles.regression else target
    groups = [rows.groupby(tested[name]).sum().min() for name in group_names(plan, slices)]
    return 0.8 * share * float(min(groups, default=rows.sum()))


def group_names(plan: Plan, slices: Sequence[str]) -> list[str]:
    """Whom the model must serve alike: what it does not take because it says something of persons; else a slice."""
    held = {"asked_at", "asked_day", plan.decided.roles.group, plan.decided.roles.key or "row_id"}
    judged = [
        each.column.name
        for each in plan.features
        if not each.modelled and each.column.known == "before" and each.column.name not in held
    ]
    return judged or list(slices[:1])


def _window(tested: pd.DataFrame, periods: Periods | None) -> tuple[int, int]:
    """Rows of a window of the monitors, and days that may go by until it is full."""
    if periods is None:
        return ROWS_OF_A_WINDOW, DEFAULT_WINDOW[1]
    a_week = len(tested) / max(1, (periods.test[1] - periods.test[0]).days) * 7
    if a_week >= DEFAULT_WINDOW[0]:
        return DEFAULT_WINDOW
    rows = max(ROWS_OF_A_WINDOW, int(a_week * 0.8))
    return rows, max(DEFAULT_WINDOW[1], int(rows / max(a_week, 1e-9) * 7 * 2.5))
