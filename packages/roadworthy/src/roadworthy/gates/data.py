"""Data 1 to 7: what the schema expects, and whether features help, are cheap, allowed, private, easy to add, tested."""

from typing import Any

import pandas as pd

from ..base.settings import Limits
from . import expectations, feature_value, features, privacy
from .bench import Judgement, gate, judge_problems, limited_gate


@limited_gate("Data 1", "feature expectations are captured in a schema", expectations.measure_expectations, "data")
def schema_covers_data(evidence: expectations.Expectations, limits: Limits) -> Judgement:
    """Every column has an entry, bounds are near the data, and planted bad values are refused."""
    columns, most = evidence.columns, limits.max_room
    room, slack = _room(columns), columns["max_null"] - columns["nulls"]
    problems = [
        *(f"{name} has no entry in the contract" for name in evidence.unknown),
        *(f"{name} is in the contract, but not made" for name in evidence.absent),
        *(f"{place} is accepted" for place in evidence.accepted),
        *(f"{_place(columns, i)}: bounds {room[i]:.3g} times as far as what is seen" for i in room.index[room > most]),
        *(
            f"{_place(columns, i)}: {slack[i]:.0%} more than now may be missing"
            for i in slack.index[slack > limits.max_slack]
        ),
    ]
    widest = f"; the widest bound, {_place(columns, room.idxmax())}, is {room.max():.1f} times out" if len(room) else ""
    good = f"{len(columns)} columns expected, {evidence.planted} planted bad values refused{widest}, at most {most:g}"
    return judge_problems(problems, good)


def _room(columns: pd.DataFrame) -> pd.Series:
    """How far the bounds of each column are from the values seen, in spans of these, or in the largest if it is more.

    The span alone would call a sensor that is stuck a loose contract. A column of zeros says nothing.
    """
    limits = ["low", "high", "seen_low", "seen_high"]
    seen = columns[limits].dropna().astype("float64")
    span, largest = seen["seen_high"] - seen["seen_low"], seen[["seen_low", "seen_high"]].abs().max(axis=1)
    unit = pd.concat([span, largest], axis=1).max(axis=1)
    beyond = pd.concat([seen["seen_low"] - seen["low"], seen["high"] - seen["seen_high"]], axis=1).max(axis=1)
    return (beyond / unit)[unit > 0]


def _place(columns: pd.DataFrame, row: Any) -> str:
    return f"{columns['table'][row]}.{columns['column'][row]}"


@limited_gate("Data 2", "all features are beneficial", feature_value.measure_contributions, "data")
def features_beneficial(evidence: feature_value.Contributions, limits: Limits) -> Judgement:
    """Each feature may contribute `least_contribution`, by the upper end of its day-block interval, or has a reason."""
    if evidence.table.empty:
        return False, f"every feature is kept for another reason: {', '.join(evidence.kept)}"
    table, least, what = evidence.table.sort_values("high"), limits.least_contribution, evidence.what
    useless = [_contribution(table, name) for name in table.index[table["high"] < least]]
    kept = f"; kept for a reason: {', '.join(evidence.kept)}" if evidence.kept else ""
    if useless:
        words = f"without a contribution to the {what}: {', '.join(useless)}; at least {least} must be possible"
        return False, f"{words}{kept}"
    weakest = _contribution(table, table.index[0])
    return True, f"{len(table)} features contribute; the weakest to the {what}: {weakest}, at least {least}{kept}"


def _contribution(table: pd.DataFrame, name: Any) -> str:
    row = table.loc[name]
    return f"{name} {row['loss']:+.4f} [{row['low']:.4f}, {row['high']:.4f}]"


# Four times the data, and the same work for each row, or a little less: what grows does not fit in memory some day.
MAX_GROWTH = 1.5


@limited_gate("Data 3", "no feature costs too much", feature_value.measure_feature_costs, "data version time")
def features_affordable(evidence: feature_value.Costs, limits: Limits) -> Judgement:
    """Time and bytes of each feature in serving, and the work of the SQL that makes them all."""
    table, sql = evidence.table, evidence.sql
    times = table["micros"] / table["micros"].median()
    dear = table.index[times > limits.max_times_median]
    problems = [f"{name}: {times[name]:.1f} times the median time" for name in dear]
    problems += _over(table["request"], limits.max_request_bytes, "bytes in a request")
    problems += _over(table["bundle"], limits.max_feature_bytes, "bytes in the bundle")
    if sql.touched > limits.max_touched:
        problems.append(f"the SQL handles {sql.touched:.0f} rows for each one")
    if sql.growth > MAX_GROWTH:
        problems.append(f"its work per row grows {sql.growth:.1f} times with 4 times the data")
    if sql.joins > limits.max_joins:
        problems.append(f"the SQL takes as long as {sql.joins:.0f} as-of joins")
    dearest, largest = times.idxmax(), table["bundle"].idxmax()
    good = (
        f"{dearest} takes {times.max():.1f} times the median time, {largest} {table['bundle'].max() / 1000:.1f} kB; "
        f"the SQL handles {sql.touched:.0f} rows for each one, at most {limits.max_touched:.0f}"
    )
    return judge_problems(problems, good)


def _over(sizes: pd.Series, limit: float, what: str) -> list[str]:
    return [f"{name}: {size:,.0f} {what}, at most {limit:,}" for name, size in sizes.items() if size > limit]


@gate("Data 4", "features adhere to meta-level requirements", features.measure_requirements, "data time")
def requirements_kept(evidence: features.Requirements) -> Judgement:
    """No feature is forbidden by the contract, and none changes when what came later is taken away."""
    leakage = evidence.leakage
    if not leakage.rows and not leakage.missing:
        return None, "no events just before the moments that were looked at"
    changed = {name: count for name, count in leakage.changed.items() if count}
    problems = [
        *(f"{name} is {why}" for name, why in evidence.wrong.items()),
        *(f"{name} is known afterwards, but since when?" for name in evidence.undated),
        *(f"{name} changes in {count} of {leakage.rows} rows without the future" for name, count in changed.items()),
        *([f"{leakage.missing} rows are not there without the future"] if leakage.missing else []),
    ]
    good = (
        f"{evidence.features} features allowed; none of {leakage.rows} rows changes when what came later is taken away"
    )
    return judge_problems(problems, good)


@gate("Data 5", "the data pipeline has appropriate privacy controls", privacy.measure_privacy, "data version written")
def privacy_kept(evidence: privacy.PrivacyFindings) -> Judgement:
    """No personal data in open columns, no private value outside its raw columns: not in the log or a bundle either."""
    named, none = ", ".join(evidence.columns), evidence.none
    if none and named:
        return False, f"[gates] no_private_columns says {none!r}, but the contract has private ones: {named}"
    if not named and not none:
        words = "no column of the contract is private: say which ones are, or in [gates] no_private_columns why none is"
        return False, words
    problems = [
        *(f"{place} holds {what}" for place, what in evidence.personal.items()),
        *(f"{place} holds private {what}" for place, what in evidence.private.items()),
    ]
    values = f"no column is private: {none}" if none else f"none of {evidence.searched:,} private values ({named})"
    good = f"{evidence.places} tables and files: no address of a person, {values}"
    return judge_problems(problems, good)


# A line of SQL, an entry in the contract, a name in the settings.
MAX_FILES = 3


@limited_gate("Data 6", "new features can be added quickly", features.measure_added_feature, "data package")
def features_extensible(evidence: features.AddedFeature, limits: Limits) -> Judgement:
    """A feature arrives everywhere after the documented changes in at most `MAX_FILES` files."""
    missing = [place for place, arrived in evidence.arrived.items() if not arrived]
    files, most = f"{len(evidence.files)} files changed", limits.max_added_seconds
    problems = [
        *([f"a new feature is not in: {', '.join(missing)}; {files}"] if missing else []),
        *([f"{files}, at most {MAX_FILES}"] if len(evidence.files) > MAX_FILES else []),
        *([f"{evidence.seconds:.1f} s, at most {most:g}"] if evidence.seconds > most else []),
    ]
    places = ", ".join(evidence.arrived)
    return judge_problems(problems, f"{files}, {evidence.seconds:.1f} s: a new feature is in {places}")


@gate("Data 7", "all input feature code is tested", features.measure_worked_examples, "tests")
def code_tested(evidence: features.WorkedExamples) -> Judgement:
    """The SQL gives what was calculated by hand, and every feature has examples that differ."""
    problems = [
        *([f"{evidence.missing} of {evidence.rows} rows are lost"] if evidence.missing else []),
        *([f"{evidence.extra} rows too many"] if evidence.extra else []),
        *(f"{name}: {difference}" for name, difference in evidence.different.items()),
        *([f"no two different examples of {', '.join(evidence.untested)}"] if evidence.untested else []),
    ]
    good = f"{evidence.rows} worked examples: {evidence.columns} columns come out as calculated by hand"
    return judge_problems(problems, good)
