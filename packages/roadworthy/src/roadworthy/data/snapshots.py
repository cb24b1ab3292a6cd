"""Read a snapshot: verify its sums, open its tables in DuckDB, make the features, split in time.

Six lessons and most commands need the features of the same snapshot, which takes seven seconds of CPU. So they are
kept in a file, by the sum of everything that they depend on: data, settings and code.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
from pyarrow import ArrowInvalid

from ..base import databases
from ..base.databases import to_frame
from ..base.errors import InputError
from ..base.files import file_sha256, write_atomic
from ..base.settings import DRAWN_DAYS, FIRST_DRAWN, Snapshot
from ..base.source_code import code_of, files_behind
from ..contract import checks
from ..contract.schema import DRAWN, NUMBERS, TEXTS, Contract, Table

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

SUMS, FEATURES_SQL = "SHA256SUMS", "features.sql"
Period = tuple[date, date]
LOG = logging.getLogger(__package__)
KEPT = 4  # files of features; those that were not used for longest are removed
# What a column of the features may be in pandas, by the kind that the contract gives it.
FITTING = {
    **dict.fromkeys(TEXTS, pd.api.types.is_string_dtype),
    **dict.fromkeys((*NUMBERS, "boolean"), pd.api.types.is_numeric_dtype),
    "time": pd.api.types.is_datetime64_any_dtype,
    "date": pd.api.types.is_datetime64_dtype,  # without a zone
}
# Of either period of the split. With 200, a fifth of them yes, an AUC of .7 is known to .05 (Hanley and McNeil 1982).
MIN_ROWS = 200


@dataclass(frozen=True)
class Split:
    """Labelled rows of two periods: training ends before the test begins.

    half_life: days after which a training row weighs half as much; 0: all of them weigh the same.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    half_life: int = 0


def recorded_sums(folder: Path) -> dict[str, str]:
    """The recorded SHA-256 sum of each file of a snapshot; InputError when there is no record."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        hint = "restore the file, or record the sums of new data with the command `seal`"
        raise InputError("no such file", where=folder / SUMS, hint=hint) from error
    return {name: total for total, name in (line.split() for line in lines)}


def seal_snapshot(folder: Path) -> Path:
    """Record the sums of the Parquet files in `folder`: from now on, a change of them is noticed."""
    tables = sorted(folder.glob("*.parquet"))
    if not tables:
        raise InputError("holds no Parquet file", where=folder, hint="put the tables there first")
    return write_atomic(folder / SUMS, "".join(f"{file_sha256(table)}  {table.name}\n" for table in tables))


def verify_snapshot(contract: Contract, folder: Path, elsewhere: Collection[str] = ()) -> dict[str, str]:
    """The sums of a snapshot, after each file was compared with its own; InputError names the file that differs.

    Tables that come from `elsewhere` have no file.
    """
    files = [table for table in contract.tables if table.name not in elsewhere]
    recorded = recorded_sums(folder) if files else {}
    for table in files:
        file = folder / f"{table.name}.parquet"
        if not file.is_file():
            raise InputError("no such file", where=file, hint="restore it from version control")
        if file_sha256(file) != recorded.get(file.name):
            hint = "restore it from version control; or, if the change is meant, record it with the command `seal`"
            raise InputError(f"its SHA-256 sum is not the one in {SUMS}: the file was changed", where=file, hint=hint)
    return recorded


def open_snapshot(project: "Workspace", snapshot: Snapshot) -> duckdb.DuckDBPyConnection:
    """Open a snapshot of the settings, repaired and with the tables that come from a source of the project."""
    return connect_snapshot(project, snapshot.folder, snapshot.repair, snapshot.source)


def sums_of(project: "Workspace", snapshot: Snapshot, *, verified: bool = False) -> dict[str, str]:
    """The sums of a snapshot as lineage remembers them: of its files, and of what its sources give now."""
    contract, sources = project.contract, snapshot.source
    if verified:
        sums = verify_snapshot(contract, snapshot.folder, sources)
    else:
        sums = recorded_sums(snapshot.folder) if len(sources) < len(contract.tables) else {}
    tables = {name: given_table(project, contract.table(name), snapshot.folder, sources[name]) for name in sources}
    return {**sums, **{f"{name} from {sources[name]}": _digest(table) for name, table in tables.items()}}


def connect_snapshot(
    project: "Workspace",
    folder: Path,
    repair: Mapping[str, str] | None = None,
    source: Mapping[str, str] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Verify a snapshot and open it: one view per table of the contract, in UTC.

    `repair` maps a table to the SQL file of the project that reads it as it should have been written, `source` to the
    function of the project that gives it instead of a file. Raises InputError for a file that is missing, was changed
    or is no Parquet.
    """
    repairs, sources = repair or {}, source or {}
    verify_snapshot(project.contract, folder, sources)
    connection = databases.empty_duckdb()
    for table in project.contract.tables:
        if table.name in sources:
            connection.register(f"{table.name} source", given_table(project, table, folder, sources[table.name]))
            relation: Any = connection.table(f"{table.name} source")
        else:
            relation = _open(connection, folder / f"{table.name}.parquet")
        if table.name in repairs:
            relation = relation.query(table.name, project.sql(repairs[table.name]))
        relation.create_view(table.name)
    return connection


def make_features(
    project: "Workspace", connection: duckdb.DuckDBPyConnection, where: str = "true", **parameters: object
) -> pd.DataFrame:
    """One row per entity with its features and its label, in the order of the prediction time.

    Made by features.sql, then by the feature steps of the project in Python. `where` (SQL over the features, with
    `$name` for a parameter) leaves rows out. Numbers that may be missing are float64 with NaN; the label is float64 0,
    1 or NaN (not known).
    """
    # Booleans become numbers: with missing values pandas would have them as a column of objects.
    booleans = {column.name for column in project.contract.features.columns if column.kind == "boolean"}
    with databases.explain_sql_errors("cannot be run", FEATURES_SQL, "correct the query; `check` says it sooner"):
        made = connection.sql(f"select * from ({project.sql(FEATURES_SQL)}) where {where}", params=parameters or None)
        flags = [f'"{name}"::DOUBLE as "{name}"' for name in made.columns if name in booleans]
        frame = to_frame(made.select(f"* replace ({', '.join(flags)})") if flags else made)
    frame = with_steps(project, frame)
    if project.contract.timeless:
        frame = draw_days(project.contract, frame, project.settings.split.seed)
    require_contract_kinds(project.contract, frame)
    return _with_numbers(project.contract, frame)


def draw_days(contract: Contract, frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The rows with a day each that hangs on their group and the seed alone, in the order of the drawn times.

    InputError where the group or the key that decides is missing.
    """
    unit = frame.get(contract.group or contract.key)
    if unit is None or unit.isna().any():
        what = f"{contract.group or contract.key!r} is missing, and decides on which side of the split a row stands"
        raise InputError(what, where="features", hint=f"make it in {FEATURES_SQL}")
    # A sum of the value: the same row is drawn alike tomorrow, in another snapshot, and alone.
    drawn = pd.util.hash_pandas_object(unit.astype("str"), index=False, hash_key=f"{seed:016d}").to_numpy()
    seconds = pd.to_timedelta((drawn % (DRAWN_DAYS * 86_400)).astype("int64"), unit="s")
    moment = pd.Timestamp(FIRST_DRAWN) + seconds
    time, day, known_at = (column.name for column in DRAWN)
    utc = moment.tz_localize("UTC")
    columns = {time: utc, day: moment.floor("D"), known_at: utc}
    return frame.assign(**columns).sort_values(time, kind="stable", ignore_index=True)


def _with_numbers(contract: Contract, frame: pd.DataFrame) -> pd.DataFrame:
    """The features with the target as numbers, NaN where it is not known: 1 for yes, 0 for no.

    InputError for more than two classes, and for a number that is infinite.
    """
    values, where = frame[contract.target], "features"
    if values.isna().all():  # of whatever type it is
        return frame.assign(**{contract.target: float("nan")})
    if contract.regression:
        numbers = values.astype(float)
        if numbers.abs().eq(float("inf")).any():
            hint = f"give null where it is not known, in {FEATURES_SQL}"
            raise InputError(f"{contract.target!r} holds an infinite number", where=where, hint=hint)
        return frame.assign(**{contract.target: numbers})
    found = sorted(values.dropna().unique())
    words = [f"{value:g}" if isinstance(value, float | int) else str(value) for value in found]
    if contract.positive:
        # A column with missing values has whole numbers as 2.0.
        category = contract.features.column(contract.target).kind == "category"
        yes = contract.positive if category else float(contract.positive)
        if len(found) > 2 or (len(found) == 2 and yes not in found):
            what = (
                f"{contract.target!r} holds {', '.join(words[:5])}; it may hold {contract.positive} and one other value"
            )
            raise InputError(what, where=where, hint=f"make two classes of it in {FEATURES_SQL}")
        values = values.eq(yes).astype(float).where(values.notna())
    elif not {*found} <= {0.0, 1.0}:
        what = f"{contract.target!r} holds {', '.join(words[:5])}, and must hold yes or no (true, false, 1, 0)"
        hint = f"make two classes of it in {FEATURES_SQL}, or say which value stands for yes: positive of the contract"
        hint += "; if it is a number to be predicted, problem='regression'"
        raise InputError(what, where=where, hint=hint)
    return frame.assign(**{contract.target: values.astype(float)})


def require_contract_kinds(contract: Contract, frame: pd.DataFrame) -> None:
    """Raise InputError unless the features have every column of their contract, each of a type that fits its kind."""
    where, hint = "features", f"make it in {FEATURES_SQL} or a feature step, or change FEATURES of contract.py"
    for column in contract.features.columns:
        if column.name not in frame:
            raise InputError(f"the contract's column {column.name!r} is missing", where=where, hint=hint)
        values = frame[column.name]
        if not FITTING[column.kind](values.dtype) and values.notna().any():
            what = f"{column.name!r} is of the type {values.dtype}, which does not fit its kind {column.kind!r}"
            decimal = (
                f"; a decimal number is one of the type object: {column.name}::double" if column.kind in NUMBERS else ""
            )
            raise InputError(what, where=where, hint=hint + decimal)
    roles = (contract.key, contract.time, contract.day)
    empty = next((name for name in roles if len(frame) and frame[name].isna().all()), "")
    if empty:
        raise InputError(f"{empty!r} has a value in no row, and is needed in each", where=where, hint=hint)
    day = frame[contract.day].dropna()
    if len(day) and (day != day.dt.floor("D")).any():
        what = f"{contract.day!r} holds times, and must hold days: they are the blocks of all intervals"
        raise InputError(what, where=where, hint=f"cast it in {FEATURES_SQL}: …::date")


def with_steps(project: "Workspace", frame: pd.DataFrame) -> pd.DataFrame:
    """What features.sql gives, and the columns that the project's feature steps add to it in Python.

    InputError when a step loses or doubles rows.
    """
    for name, step in project.definition.extensions("feature_steps").items():
        rows, frame = len(frame), step(frame)
        if len(frame) != rows:
            hint = "a step adds columns to the rows that features.sql gives, and keeps all of them"
            raise InputError(f"makes {len(frame):,} rows of {rows:,}", where=f"feature step {name!r}", hint=hint)
    return frame


def labelled_rows(contract: Contract, frame: pd.DataFrame, period: Period) -> pd.DataFrame:
    """The rows of a period (its end not included) whose label is known; InputError when there are none."""
    day = frame[contract.day]
    start, end = (pd.Timestamp(limit) for limit in period)
    rows = frame[(day >= start) & (day < end) & frame[contract.target].notna()]
    if rows.empty:
        hint = f"the data run from {day.min():%Y-%m-%d} to {day.max():%Y-%m-%d}" if len(frame) else "the table is empty"
        raise InputError(f"no labelled rows from {start:%Y-%m-%d} to {end:%Y-%m-%d}", where="[split]", hint=hint)
    return rows


def split_periods(contract: Contract, frame: pd.DataFrame, train: Period, test: Period, every: int = 1) -> Split:
    """Two periods of labelled rows, every n-th of them; InputError when the test begins before training ends."""
    if test[0] < train[1]:
        hint = "a test on days that training has seen says nothing about the next months"
        what = f"the test begins on {test[0]}, before training ends on {train[1]}"
        raise InputError(what, where="[split]", hint=hint)
    # Never shuffled: a random split once promised an AUC of .798 where the next months had .647.
    return Split(
        labelled_rows(contract, frame, train).iloc[::every], labelled_rows(contract, frame, test).iloc[::every]
    )


def thin_rows(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """About `count` rows: every n-th one, so that all days stay; a model learns more from days than from rows."""
    return rows.iloc[:: max(1, round(len(rows) / count))]


def _open(connection: duckdb.DuckDBPyConnection, file: Path) -> duckdb.DuckDBPyRelation:
    hint = "write the file again and record its sum with the command `seal`"
    with databases.explain_sql_errors("cannot be read as Parquet", file, hint):
        return connection.read_parquet(str(file))


def given_table(project: "Workspace", table: Table, folder: Path, name: str) -> pa.Table:
    """The table as a source of the project gives it; InputError when there is no such source or it gives no table."""
    sources = project.definition.extensions("sources")
    if name not in sources:
        hint = f"the project's package registers {', '.join(sources)}" if sources else "the project registers none"
        raise InputError(f"there is no source {name!r}", where=f"[data.snapshots] source of {table.name}", hint=hint)
    content = sources[name](table, folder)
    if not isinstance(content, pa.Table):
        hint = "a source returns a pyarrow.Table"
        raise InputError(f"gives a {type(content).__name__}", where=f"source {name!r} of the project", hint=hint)
    return content


def _digest(table: pa.Table) -> str:
    """A sum over the values of a table, in one chunk and in the order of its rows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def cached_features(folder: Path, parts: object, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """The table that `make` gives, from a file in `folder` if it was made of the same `parts` by the same code.

    Without room for the file, the table is made each time.
    """
    file = folder / f"features-{_cache_key(parts, make)}.arrow"
    try:
        table = pd.read_feather(file)
    # A file that is cut or damaged is as good as none.
    except (OSError, ArrowInvalid):
        table = make()
    else:
        # Its time says when it was used last, by which old files are removed.
        os.utime(file)
        return table
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # By process: lessons that run beside each other make the same features at the same time.
        beside = file.with_suffix(f".{os.getpid()}")
        table.to_feather(beside, compression="lz4")
        beside.replace(file)
        for old in sorted(folder.glob("features-*"), key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        hint = "free some space or choose another folder"
        LOG.warning("the features are not kept: %s: cannot be written: %s; %s", file, error.strerror or error, hint)
    return table


def _cache_key(parts: object, make: Callable[[], pd.DataFrame]) -> str:
    code = [file_sha256(path) for path in files_behind(make)]
    return hashlib.sha256(repr((parts, code, pd.__version__)).encode()).hexdigest()[:32]


def checked_features(project: "Workspace", *names: str) -> pd.DataFrame:
    """The features of one or more snapshots (the default one without a name), checked, bad rows left out.

    Raises RedError when a snapshot does not keep the contract.
    """
    chosen = names or (project.settings.data.snapshot,)
    return pd.concat([_snapshot_features(project, name) for name in chosen], ignore_index=True)


def split_features(project: "Workspace", frame: pd.DataFrame | None = None, section: str = "split") -> Split:
    """The labelled rows of the two periods of the settings; `frame` has the features of the default snapshot, if known.

    `section`: where the periods stand in config.toml, for messages.
    Rows of earlier snapshots come first, under negative numbers: the others keep the index that they have in `frame`.
    """
    periods, timeless = project.settings.split, project.contract.timeless
    if timeless and periods.test_share is None:
        hint = "give test_share instead of train and test, here and in [retraining]"
        raise InputError("names days, and the rows have no time", where="[split]", hint=hint)
    if periods.test_share is not None and not timeless:
        hint = "give train and test: days that follow each other; a random split promises too much"
        raise InputError("has a test_share, and the rows have a time", where="[split]", hint=hint)
    split = split_periods(
        project.contract, _with_earlier(project, frame), periods.train, periods.test, every=periods.every
    )
    for name, rows in {"train": split.train, "test": split.test}.items():
        _require_several_labels(rows[project.contract.target], f"[{section}] {name}")
    return replace(split, half_life=periods.half_life)


def _require_several_labels(labels: pd.Series, where: str) -> None:
    hint = "choose a longer period"
    if len(labels) < MIN_ROWS:
        what = f"has {len(labels)} labelled rows; at least {MIN_ROWS} are needed to learn or judge anything"
        raise InputError(what, where=where, hint=hint)
    if labels.nunique() < 2:
        hint = f"{hint}, or look at the target in {FEATURES_SQL}"
        raise InputError(f"has one value only: every label is {labels.iloc[0]:g}", where=where, hint=hint)


def _with_earlier(project: "Workspace", frame: pd.DataFrame | None) -> pd.DataFrame:
    """The features of all snapshots of the settings; `frame` has those of the default one, if known."""
    data = project.settings.data
    names = data.earlier if frame is not None else (*data.earlier, data.snapshot)
    frames = [checked_features(project, name) for name in names]
    *earlier, rows = frames if frame is None else (*frames, frame)
    if earlier:
        before = pd.concat(earlier)
        rows = pd.concat([before.set_index(pd.RangeIndex(-len(before), 0)), rows])
    return rows


def features_lineage(project: "Workspace", chosen: Mapping[str, Snapshot], *, verified: bool = False) -> dict[str, Any]:
    """What the features of snapshots are made of: sums of the data, the contract and the code."""
    data = {name: sums_of(project, snapshot, verified=verified) for name, snapshot in chosen.items()}
    sql, steps = project.sql(FEATURES_SQL), project.definition.extensions("feature_steps")
    return {
        "data": data,
        "contract": project.contract.sha256,
        "features_sql": hashlib.sha256(sql.encode()).hexdigest(),
        "feature_steps": {name: code_of(step) for name, step in steps.items()},
    }


def _snapshot_features(project: "Workspace", name: str) -> pd.DataFrame:
    snapshot, limit = project.settings.snapshot(name), project.settings.data.checks.max_quarantined
    # Without the name: the same data under another one have the same features.
    made_of = features_lineage(project, {"": snapshot}, verified=True)
    repairs = {table: (file, project.sql(file)) for table, file in snapshot.repair.items()}
    own = {name: code_of(check) for name, check in project.definition.extensions("checks").items()}
    seed = project.settings.split.seed if project.contract.timeless else 0
    # Checked once: whatever would make the checks come out otherwise is part of the key.
    parts = (made_of, repairs, own, limit, seed, project.settings.limits.of_tables())
    return cached_features(project.settings.paths.cache, parts, lambda: _checked_features(project, snapshot, limit))


def _checked_features(project: "Workspace", snapshot: Snapshot, limit: float) -> pd.DataFrame:
    connection = open_snapshot(project, snapshot)
    report = checks.check_snapshot(project, connection, max_quarantined=limit)
    checks.require_passed(report, where=snapshot.folder)
    checks.exclude_quarantined(connection, report)
    return make_features(project, connection)
