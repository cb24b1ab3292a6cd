"""Columns that give the target away: alone, as a near copy, from the future, by where they are filled, with another.

All of it on some thousand rows, by answers to rows that were not looked at: half of them teach, the other half is
asked, and the other way round. A column that is strong for good reasons stays: thresholds lie above what honest columns
of real tables reach alone (tumours: AUC .975 for the best of 30).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
BINS, PAIR_BINS = 32, 12  # of a column; of each of two
PAIR_ROWS = 6_000
FEWEST = 100  # rows with both a value and a target
ALONE = {"AUC": 0.985, "R2": 0.95}  # of one column: it says what it should help to predict
OUTSTANDING = {"AUC": (0.95, 0.05), "R2": (0.93, 0.15)}  # alone, and that much better than all others together
TOGETHER = {"AUC": (0.97, 0.05), "R2": (0.95, 0.10)}  # of two, and that much better than the better one
COPIED = 0.95  # of the rows of either class that a column of few values says right
SAME = 0.2  # share of rows where a number is the target, or a constant more, or a constant times it
ORDERED = 0.985  # rank correlation with a number
SHIFTED = 0.9  # share of rows whose value is the one that another row has later
FILLED = 0.8  # difference of the shares filled, of rows that are yes and no
MANY = 20  # different values from which on two numbers are no longer equal by chance
CLEARLY = 0.3  # R2 by which the others know more of one column than of another
AHEAD = 7  # rows that are looked ahead
FIRST_LOOK, ROUGHLY = 4, 0.1  # of the rows of a pair one in so many; how far that may be below what all of them say
LOOK = 300  # rows of a first look
SUSPECT = {"AUC": (0.80, 0.20), "R2": (0.50, 0.30)}  # alone, and that much better than the other of a pair


@dataclass(frozen=True)
class Sample:
    """Rows in the order of time (else of the file), and their target: 0 and 1, or a number; NaN where it is missing."""

    rows: pd.DataFrame
    target: Floats
    regression: bool

    @property
    def metric(self) -> str:
        """By which answers are judged."""
        return "R2" if self.regression else "AUC"


def quality(sample: Sample, answers: Floats, target: Floats) -> float:
    """AUC or R2 of answers; .5 and 0 say nothing."""
    if sample.regression:
        spread = float(np.sum((target - target.mean()) ** 2))
        return 1 - float(np.sum((target - answers) ** 2)) / spread if spread else 0.0
    yes = target == 1
    few, many = int(yes.sum()), len(yes) - int(yes.sum())
    if not few or not many:
        return 0.5
    return float((rankdata(answers)[yes].sum() - few * (few + 1) / 2) / (few * many))


def codes_of(values: "pd.Series", bins: int = BINS) -> Codes:
    """A number for each value: that of its bin, of as many rows each; of its category; one of its own for none."""
    if not pd.api.types.is_numeric_dtype(values):
        names = values.value_counts().index[: bins * 4]
        return (pd.Categorical(values, categories=names).codes + 1).astype(np.intp)
    numbers = values.to_numpy(dtype=np.float64)
    different = np.unique(numbers[~np.isnan(numbers)])
    if len(different) <= bins:
        codes = np.searchsorted(different, numbers).astype(np.intp) + 1
    else:
        edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, bins + 1)[1:-1]))
        codes = np.searchsorted(edges, numbers, side="right").astype(np.intp) + 1
    codes[np.isnan(numbers)] = 0
    return codes


def answers_by_code(codes: Codes, target: Floats) -> Floats:
    """The mean target of the code among the rows of the other half, drawn towards that of all by one row."""
    answers, half = np.empty(len(target)), np.arange(len(target)) % 2 == 0
    for taught in (half, ~half):
        asked = ~taught
        size = int(codes.max()) + 1
        counts = np.bincount(codes[taught], minlength=size)
        sums = np.bincount(codes[taught], weights=target[taught], minlength=size)
        answers[asked] = ((sums + target[taught].mean()) / (counts + 1))[codes[asked]]
    return answers


def find_leaks(sample: Sample, names: Sequence[str], *, ordered: bool) -> dict[str, str]:
    """Why each of the columns gives the target away, for those that do.

    `ordered`: one row follows the other in time.
    """
    found = dict(_by_where_it_is_filled(sample, names))
    known = ~np.isnan(sample.target)
    labelled = Sample(sample.rows[known].reset_index(drop=True), sample.target[known], sample.regression)
    if len(labelled.target) < FEWEST:
        return found
    found |= dict(_of_later_rows(sample, [name for name in names if name not in found], others=ordered))
    left = [name for name in names if name not in found]
    alone = {name: quality_alone(labelled, name) for name in left}
    found |= {name: why for name in left if (why := _copy_of(labelled, name, alone[name]))}
    left = [name for name in left if name not in found]
    found |= dict(_outstanding(labelled, left, alone))
    left = [name for name in left if name not in found]
    while pair := _pair(labelled, left, alone):
        found[pair[0]] = pair[1]
        left.remove(pair[0])
    return found


def _by_where_it_is_filled(sample: Sample, names: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Columns that are filled only where the target is known, or mostly where it is yes."""
    target = sample.target
    known = ~np.isnan(target)
    for name in names:
        filled = sample.rows[name].notna().to_numpy()
        if filled.all() or not filled.any():
            continue
        if 0.001 < known.mean() < 0.999 and (filled == known).mean() > 0.99 and known.sum() < len(known) - MANY:
            yield name, "it is filled only where the target is known"
            continue
        y, there = target[known], filled[known]
        if sample.regression:
            if there.any() and not there.all():
                answers = np.where(there, y[there].mean(), y[~there].mean())
                if quality(sample, answers, y) > 0.5:
                    yield name, "where it is filled says what the target is"
        elif (y == 1).any() and (y == 0).any() and abs(there[y == 1].mean() - there[y == 0].mean()) > FILLED:
            yield (
                name,
                f"it is filled in {there[y == 1].mean():.0%} of the yes, in {there[y == 0].mean():.0%} of the others",
            )


def _of_later_rows(sample: Sample, names: Sequence[str], *, others: bool) -> Iterable[tuple[str, str]]:
    """Columns whose values are those that the target (or one of the `others`) has in a later row."""
    rows = sample.rows
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(rows[name])]
    numbers = {name: rows[name].to_numpy(dtype=np.float64) for name in numeric}
    many = {name: rows[name].nunique() > MANY for name in numeric}
    several = len(np.unique(sample.target)) > MANY
    for name, values in numbers.items():
        later = {"the target": (sample.target, several and many[name])}
        if others and many[name]:
            later |= {other: (each, True) for other, each in numbers.items() if other != name and many[other]}
        for other, (column, equal) in later.items():
            ahead = next((k for k in range(1, AHEAD + 1) if _is_shifted(values, column, k, many=equal)), 0)
            if ahead:
                yield name, f"its value is the one that {other} has {ahead} row{'s'[: ahead > 1]} later"
                break


def _is_shifted(values: Floats, later: Floats, rows: int, *, many: bool) -> bool:
    # A first look: most columns are none, and there are many pairs of them.
    if (values[:LOOK] == later[rows : LOOK + rows][: len(values)]).mean() < SHIFTED / 3:
        return False
    before, ahead, now = values[:-rows], later[rows:], later[:-rows]
    there = ~np.isnan(before) & ~np.isnan(ahead)
    if there.sum() < FEWEST:
        return False
    before, ahead, now = before[there], ahead[there], now[there]
    if many:
        # A column that stays what it is from row to row is equal to itself at any distance, and so is its copy.
        still = np.isclose(before, now, rtol=1e-9).mean()
        return bool(np.isclose(before, ahead, rtol=1e-9).mean() > SHIFTED and still < SHIFTED)
    yes, right = ahead == 1, before == before.max()
    if not yes.any() or yes.all():
        return False
    return bool(min(right[yes].mean(), (~right[~yes]).mean()) > COPIED)


def quality_alone(sample: Sample, name: str) -> float:
    """How well a column ranks the rows, or says the number, by itself."""
    values = sample.rows[name]
    by_bin = quality(sample, answers_by_code(codes_of(values), sample.target), sample.target)
    if sample.regression or not pd.api.types.is_numeric_dtype(values):
        return by_bin
    numbers = values.fillna(values.median()).to_numpy(dtype=np.float64)
    in_order = quality(sample, numbers, sample.target)
    return max(by_bin, in_order, 1 - in_order)


def _copy_of(sample: Sample, name: str, alone: float) -> str:
    """Why the column is a copy of the target, or nearly one; nothing if it is none."""
    if alone >= ALONE[sample.metric]:
        return f"it gives the target away alone: {sample.metric} {alone:.3f}"
    values, target = sample.rows[name], sample.target
    if not sample.regression:
        return _class_copy(values, target) if values.nunique() <= BINS else ""
    many = values.nunique() > MANY and len(np.unique(target)) > 2 * MANY
    return _number_copy(values, target) if many and pd.api.types.is_numeric_dtype(values) else ""


def _class_copy(values: "pd.Series", target: Floats) -> str:
    said = answers_by_code(codes_of(values), target) > target.mean()
    right = min(said[target == 1].mean(), (~said[target == 0]).mean())
    return f"it is nearly the target: right in {right:.1%} of each class" if right >= COPIED else ""


def _number_copy(values: "pd.Series", target: Floats) -> str:
    """Why a number is the target in another unit or order, or in a part of the rows."""
    numbers = values.to_numpy(dtype=np.float64)
    order = abs(pd.Series(numbers).corr(pd.Series(target), method="spearman"))
    if order > ORDERED:
        return f"it orders the rows as the target does: rank correlation {order:.3f}"
    with np.errstate(divide="ignore", invalid="ignore"):
        for words, each in {
            "is the target, or a constant more,": numbers - target,
            "is the target times a constant": np.where(numbers == 0, np.nan, numbers) / target,
        }.items():
            share = _most_common(each[np.isfinite(each) & (target != 0)], len(target))
            if share > SAME and share > 2 * _by_chance(numbers, target):
                return f"it {words} in {share:.0%} of the rows"
    return ""


def _most_common(values: Floats, rows: int) -> float:
    """The share of the rows that have the most common value, to nine digits."""
    if not len(values):
        return 0.0
    rounded = np.array([float(f"{each:.9g}") for each in values]) if len(values) < 1000 else np.round(values, 9)
    return float(np.unique(rounded, return_counts=True)[1].max()) / rows


def _by_chance(numbers: Floats, target: Floats) -> float:
    """How often two columns share a difference because each has one value very often."""
    most = [np.unique(each[~np.isnan(each)], return_counts=True)[1].max() / len(each) for each in (numbers, target)]
    return float(min(most))


def _outstanding(sample: Sample, names: Sequence[str], alone: Mapping[str, float]) -> Iterable[tuple[str, str]]:
    """Columns that alone are far better than all others together; the best one first, and again without it."""
    left, (least, more) = list(names), OUTSTANDING[sample.metric]
    while len(left) > 2:
        best = max(left, key=lambda name: alone[name])
        if alone[best] < least:
            return
        others = [name for name in left if name != best]
        together = quality(sample, fitted_answers(sample, others), sample.target)
        if alone[best] < together + more:
            return
        left = others
        words = f"alone it has {sample.metric} {alone[best]:.3f}, all others together {together:.3f}"
        yield best, f"it stands out: {words}"


def fitted_answers(sample: Sample, names: Sequence[str], target: Floats | None = None) -> Floats:
    """The answers of boosting to the half of the rows that it has not learned from."""
    y = sample.target if target is None else target
    inputs = np.column_stack([_plain(sample.rows[name]) for name in names])
    half = np.arange(len(y)) % 2 == 0
    answers = np.empty(len(y))
    for taught in (half, ~half):
        if sample.regression or target is not None:
            answers[~taught] = (
                HistGradientBoostingRegressor(max_iter=60, random_state=0)
                .fit(inputs[taught], y[taught])
                .predict(inputs[~taught])
            )
        else:
            model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(inputs[taught], y[taught])
            answers[~taught] = model.predict_proba(inputs[~taught])[:, -1]
    return answers


def _plain(values: "pd.Series") -> Floats:
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=np.float64)
    return codes_of(values).astype(np.float64)


def _pair(sample: Sample, names: Sequence[str], alone: Mapping[str, float]) -> tuple[str, str] | None:
    """One of two columns that give the target away together, and why: the one of which the others know less."""
    step = max(1, len(sample.target) // PAIR_ROWS)
    few = Sample(sample.rows.iloc[::step].reset_index(drop=True), sample.target[::step], sample.regression)
    codes = {name: codes_of(few.rows[name], PAIR_BINS) for name in names}
    numbers: dict[str, Floats] = {
        name: np.asarray(few.rows[name].astype(np.float64).fillna(few.rows[name].median()), dtype=np.float64)
        for name in names
        if pd.api.types.is_numeric_dtype(few.rows[name]) and few.rows[name].nunique() > 2
    }
    least, more = TOGETHER[sample.metric]
    best: tuple[float, str, str] | None = None
    for one, other in combinations(names, 2):
        needed = max(least, max(alone[one], alone[other]) + more)
        if needed >= 1:
            continue
        if _together(few, one, other, codes, numbers, step=FIRST_LOOK) < needed - ROUGHLY:
            continue
        together = _together(few, one, other, codes, numbers)
        if together >= needed and (best is None or together > best[0]):
            best = (together, one, other)
    if best is None:
        return None
    together, one, other = best
    rest = [name for name in names if name not in (one, other)]
    known = {name: _known_to_others(few, name, rest) for name in (one, other)}
    out, stays = sorted((one, other), key=lambda name: known[name])
    strong, apart = SUSPECT[sample.metric]
    # Where the others say as little of either, the one that says far more of the target by itself.
    if known[stays] < known[out] + CLEARLY and alone[stays] >= max(strong, alone[out] + apart):
        out, stays = stays, out
    return out, f"with {stays} it gives the target away: {sample.metric} {together:.3f}"


def _together(
    sample: Sample,
    one: str,
    other: str,
    codes: Mapping[str, Codes],
    numbers: Mapping[str, Floats],
    step: int = 1,
) -> float:
    """The best quality of two columns: by the bins that a row is in, by difference, sum, product and ratio.

    Of every row, or of each `step`.
    """
    target = sample.target[::step]
    cells = (codes[one] * (codes[other].max() + 1) + codes[other])[::step]
    best = quality(sample, answers_by_code(cells, target), target)
    if one not in numbers or other not in numbers:
        return best
    a, b = numbers[one][::step], numbers[other][::step]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        made = (a - b, a + b, a * b, a / b, b / a)
    for each in made:
        values = np.nan_to_num(each, nan=0.0, posinf=0.0, neginf=0.0)
        if sample.regression:
            best = max(best, float(np.corrcoef(values, target)[0, 1] ** 2) if values.std() else 0.0)
        else:
            in_order = quality(sample, values, target)
            best = max(best, in_order, 1 - in_order)
    return best


def _known_to_others(sample: Sample, name: str, others: Sequence[str]) -> float:
    """How well the other columns say what is in a column, as R2: what somebody has made of the target they do not."""
    if not others:
        return 0.0
    values = _plain(sample.rows[name])
    values = np.nan_to_num(values, nan=float(np.nanmean(values)))
    numbers = Sample(sample.rows, values, regression=True)
    return quality(numbers, fitted_answers(numbers, others, values), values)
