"""The command `adopt`: from delivered files to a drafted project, in a folder that has none yet.

Everything is made and tried in a scratch folder first. Only what is whole is put into the project, the settings last:
with them the project is one that every command takes.
"""

import shutil
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from ..base import databases, settings
from ..base.errors import InputError
from ..base.files import scratch_folder
from ..contract.workspace import Workspace
from ..data import snapshots
from ..data.delimited import identifier
from ..data.deliveries import Delivery, read_delivery
from ..data.snapshots import seal_snapshot
from ..gates import calibrate, clean_history, feature_value
from ..model import evaluation, training
from . import draft, settings_draft
from .columns import find_columns
from .decisions import Ask, Asked, Decided, decide_columns, decide_roles, target_sql
from .draft import Plan
from .drills_draft import drills_text
from .records import TABLE, KeptAside, keep_aside, make_records, reading_sql, require_few_aside, write_records

Tell = Callable[[str], None]
MEMORY = "1GB"  # of DuckDB, the rest is left to the rows of a sample
TRIED = 20_000  # rows of the snapshot on which limits are measured
VARIANTS = ((3_000, 24), (12_000, 12))  # clean ones, up to so many rows; fewer of more
FEWEST_VARIANTS = 6
ALLOWED = 0.001  # false alarms of a limit: 20 variants and 28 gates shall be quiet
WRITTEN = ("contract.py", "features.sql", f"read_{TABLE}.sql", f"trace_{TABLE}.sql", "model.py", "incidents.py")


@dataclass(frozen=True)
class Adopted:
    """What was made of a delivery: for the page, and for people."""

    delivery: Delivery
    decided: Decided
    plan: Plan
    aside: tuple[KeptAside, ...]
    choice: settings_draft.ModelChoice
    kept: dict[str, str]
    limits: int
    variants: int
    sample: pd.DataFrame
    sample_target: "pd.Series"


def package_of(home: Path) -> str:
    """The package of a project that has no data yet; InputError when it has some."""
    file = home / settings.FILE
    config = tomllib.loads(file.read_text(encoding="utf-8"))
    package = str(config.get("project", {}).get("package", ""))
    folder = home / "src" / package
    if "data" in config or any((folder / name).exists() for name in WRITTEN):
        hint = "compare a new delivery with `roadworthy adopt --again FILE`, or generate another project for other data"
        raise InputError("has its data already", where=home, hint=hint)
    if not package or not folder.is_dir():
        hint = "config.toml names it under [project] package, and src holds it"
        raise InputError("has no package", where=home, hint=hint)
    return package


def adopt_files(home: Path, files: Sequence[Path], asked: Asked, ask: Ask, tell: Tell) -> Adopted:
    """Draft the project in `home` from delivered files; nothing is written unless all of it is."""
    package = package_of(home)
    with tempfile.TemporaryDirectory(prefix="roadworthy-adopt-") as place:
        connection = _database(Path(place))
        try:
            with databases.explain_sql_errors(
                "cannot be read", files[0], "look at its columns and rows, and correct them"
            ):
                return _adopted(connection, Path(place), home, package, files, asked, ask, tell)
        finally:
            connection.close()


def _database(place: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(place / "delivery.duckdb")
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    connection.execute(f"set memory_limit = '{MEMORY}'")
    return connection


def _adopted(
    connection: duckdb.DuckDBPyConnection,
    place: Path,
    home: Path,
    package: str,
    files: Sequence[Path],
    asked: Asked,
    ask: Ask,
    tell: Tell,
) -> Adopted:
    delivery = read_delivery(connection, files, "delivery")
    tell(f"{delivery.rows:,} rows and {len(delivery.columns)} columns read: {delivery.form}")
    moments = [name for name in delivery.columns if name == asked.time]
    columns = find_columns(connection, delivery, moments)
    make_records(connection, "delivery", columns)
    roles = decide_roles(connection, columns, asked, ask)
    aside = keep_aside(connection, columns, roles)
    require_few_aside(connection, aside, files[0])
    decided = decide_columns(connection, columns, roles, asked)
    _require_features(decided)
    tell(f"{len(decided.of('feature'))} columns are features, {len(decided.of('kept out', 'private'))} are kept out")
    snapshot = _snapshot_name(files[0])
    scratch = place / "project"
    folder = scratch / "data" / snapshot
    folder.mkdir(parents=True)
    rows = write_records(connection, decided, folder / f"{TABLE}.parquet")
    plan = _plan(connection, package, snapshot, decided, rows)
    frame = _features(connection, plan)
    periods = None if plan.decided.roles.time == "" else settings_draft.choose_periods(frame, roles.target)
    choice = settings_draft.choose_model(plan, frame)
    tell(choice.why)
    values = settings_draft.config_values(plan, frame, periods, choice)
    _write_project(connection, scratch, plan, frame, values, choice)
    seal_snapshot(folder)
    limits, variants, kept = _measured(connection, place, scratch, plan, frame, values, choice, tell)
    _write_limits(scratch / settings.FILE, limits, kept)
    _put_in_place(scratch, home)
    sample = _sample(connection, plan)
    answers = sample.pop("the target")
    return Adopted(delivery, decided, plan, tuple(aside), choice, kept, len(limits), variants, sample, answers)


def _sample(connection: duckdb.DuckDBPyConnection, plan: Plan) -> pd.DataFrame:
    """Some rows of the table with the target as a number, for pictures."""
    columns = [each.column for each in plan.decided.decisions]
    target = target_sql(plan.decided.roles, columns)
    step = max(1, plan.rows // TRIED)
    return databases.to_frame(connection.sql(f'select *, {target} as "the target" from kept where rowid % {step} = 0'))


def _require_features(decided: Decided) -> None:
    if not decided.of("feature"):
        out = "; ".join(f"{each.column.source}: {each.why}" for each in decided.of("kept out", "private")[:5])
        raise InputError(f"no feature is left: {out}", where="adopt", hint="give a table with more columns")


def _snapshot_name(file: Path) -> str:
    words = draft.re.sub(r"[^a-z0-9]+", "_", file.name.partition(".")[0].lower()).strip("_")
    return words or "first"


def _plan(connection: duckdb.DuckDBPyConnection, package: str, snapshot: str, decided: Decided, rows: int) -> Plan:
    raw = draft.raw_columns(connection, decided)
    connection.execute(f"create or replace temp view {TABLE}_of_draft as select * from kept")
    features = list(draft.feature_columns(connection, decided, raw))
    plan = Plan(
        package, _title(decided), snapshot, decided, raw, tuple(features), rows, _missing_days(connection, decided), {}
    )
    if not settings_draft.could_be_sliced(plan):
        number = next(
            (each for each in plan.features if each.modelled and each.column.kind in ("number", "integer")), None
        )
        if number is not None:
            source = next((column for column in raw if column.name == number.column.name), number.column)
            plan = replace(
                plan,
                features=(*features[:-2], draft.halves(connection, source), *features[-2:])
                if decided.roles.time
                else (*features[:-1], draft.halves(connection, source), features[-1]),
            )
    try:
        draft.contract_of(plan)
    except ValueError as error:
        raise InputError(f"no contract can be made: {error}", where="adopt", hint="name another column") from error
    return plan


def _title(decided: Decided) -> str:
    target = decided.column(decided.roles.target).source
    what = f"whether {target} is {decided.roles.positive}" if decided.roles.positive not in ("", "1") else target
    return f"A prediction of {' '.join(what.split())}, drafted from a delivered table."


def _missing_days(connection: duckdb.DuckDBPyConnection, decided: Decided) -> int:
    """How many days may be without a row: half again as many as are."""
    if not decided.roles.time:
        return 0
    name = identifier(decided.roles.time)
    sql = f"select datediff('day', min({name}::date), max({name}::date)) + 1 - count(distinct {name}::date) from kept"
    missing = int(connection.execute(sql).fetchall()[0][0])
    return missing + missing // 2 + 1 if missing else 0


def _features(connection: duckdb.DuckDBPyConnection, plan: Plan) -> pd.DataFrame:
    """The features of the rows, some of them where there are very many, with drawn days where there is no time."""
    step = max(1, plan.rows // 100_000)
    sql = (
        draft.features_sql(plan)
        .partition("\n")[2]
        .replace(f"from {TABLE}", f"from (select * from kept where rowid % {step} = 0) as {TABLE}")
    )
    frame = databases.to_frame(connection.sql(sql))
    target = plan.decided.roles.target
    frame[target] = frame[target].astype("float64")
    contract = draft.contract_of(plan)
    for each in plan.features:
        if each.column.kind == "time":
            frame[each.column.name] = pd.to_datetime(frame[each.column.name], utc=True)
    if contract.timeless:
        frame = snapshots.draw_days(contract, frame, seed=0)
    return frame


def _write_project(
    connection: duckdb.DuckDBPyConnection,
    scratch: Path,
    plan: Plan,
    frame: pd.DataFrame,
    values: dict[str, Any],
    choice: settings_draft.ModelChoice,
) -> None:
    """Write all files of the draft below `scratch`."""
    roles, package = plan.decided.roles, scratch / "src" / plan.package
    trees, leaves = values["trees"]
    texts = {
        package / "__init__.py": draft.package_text(plan),
        package / "contract.py": draft.contract_text(plan),
        package / "features.sql": draft.features_sql(plan),
        package / f"read_{TABLE}.sql": reading_sql(plan.decided),
        package / f"trace_{TABLE}.sql": draft.trace_sql(plan),
        package / "model.py": draft.model_text(
            boosting=choice.boosting,
            regression=roles.regression,
            trees=(trees // 2, trees, 2 * trees),
            leaves=(max(3, leaves // 2), leaves),
        ),
        package / "incidents.py": draft.incidents_text(plan),
        scratch / "drills" / "drafted.toml": drills_text(plan, values),
        scratch / settings.FILE: settings_draft.config_text(plan, values, choice),
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    write_examples(connection, plan, frame, scratch / "tests" / "feature_examples")


def _telling_keys(frame: pd.DataFrame, key: str) -> list[Any]:
    """The keys of some rows, two values of each column among them, and a missing one where there is one."""
    rows = frame.iloc[:: max(1, len(frame) // 5_000)]
    chosen = [0, len(rows) // 2]
    for name in rows.columns:
        values = rows[name]
        if values.iloc[chosen].nunique() < 2:
            other = (values.notna() & ~values.isin(values.iloc[chosen])).to_numpy().nonzero()[0]
            chosen += other[:1].tolist()
            if values.iloc[chosen].nunique() < 2:
                chosen += (values.notna() & ~values.isin(values.iloc[chosen])).to_numpy().nonzero()[0][:1].tolist()
        if values.isna().any() and values.iloc[chosen].notna().all():
            chosen.append(int(values.isna().to_numpy().nonzero()[0][0]))
    return list(rows[key].iloc[sorted({*chosen})])


def write_examples(connection: duckdb.DuckDBPyConnection, plan: Plan, frame: pd.DataFrame, folder: Path) -> None:
    """Some rows of the table, without private values, and the features that the SQL makes of them now."""
    folder.mkdir(parents=True, exist_ok=True)
    masked = [
        f"'private' as {identifier(column.name)}"
        for column in plan.raw
        if column.private and column.kind in ("text", "category")
    ]
    masked += [
        f"null as {identifier(column.name)}"
        for column in plan.raw
        if column.private and column.kind not in ("text", "category")
    ]
    star = f"* replace ({', '.join(masked)})" if masked else "*"
    key = plan.decided.roles.key or "row_id"
    connection.execute(
        "create or replace temp table chosen as select unnest($keys) as chosen", {"keys": _telling_keys(frame, key)}
    )
    connection.execute(
        f"create or replace temp table examples as select {star} from kept where {key} in (select chosen from chosen)"
    )
    sql = draft.features_sql(plan).replace(f"from {TABLE}", f"from examples as {TABLE}")
    for name, query in ((TABLE, "select * from examples"), ("expected", sql.partition("\n")[2])):
        connection.execute(f"copy ({query}) to '{folder / name}.csv' (header, timestampformat '%Y-%m-%dT%H:%M:%SZ')")


def _measured(
    connection: duckdb.DuckDBPyConnection,
    place: Path,
    scratch: Path,
    plan: Plan,
    frame: pd.DataFrame,
    values: dict[str, Any],
    choice: settings_draft.ModelChoice,
    tell: Tell,
) -> tuple[list[calibrate.Calibrated], int, dict[str, str]]:
    """The limits that clean variants ask for, how many variants, and the features that stay without contributing."""
    few = plan.rows > 2 * TRIED
    folder = scratch
    if few:
        folder = place / "few"
        step = plan.rows // TRIED
        _write_project(connection, folder, replace(plan, rows=TRIED // 2), frame, values, choice)
        data = folder / "data" / plan.snapshot
        data.mkdir(parents=True)
        connection.execute(
            f"copy (select * from kept where rowid % {step} = 0) to '{data / TABLE}.parquet' (format parquet)"
        )
        seal_snapshot(data)
    project = Workspace.open(folder)
    count = next((count for rows, count in VARIANTS if plan.rows <= rows), FEWEST_VARIANTS)
    measured = []
    for number, variant in enumerate(clean_history.draw_variants(project, count, 1), start=1):
        measured.append(clean_history.measure_variant(project, variant))
        tell(f"limits measured on clean variant {number} of {count}")
    found = calibrate.calibrated_limits(project.settings.limits, measured, ALLOWED)
    kept = _not_contributing(project)
    values["floor"] = _floor(project)
    config = scratch / settings.FILE
    config.write_text(settings_draft.config_text(plan, values, choice), encoding="utf-8", newline="\n")
    return [each for each in found if each.changed], count, kept


def _not_contributing(project: Workspace) -> dict[str, str]:
    """The features whose contribution is not sure on these rows, with what was measured."""
    contract, spec = project.contract, project.settings.model
    frame = snapshots.checked_features(project)
    rows = frame[frame[contract.target].notna()]
    even = rows[contract.day].isin(pd.Series(rows[contract.day].unique()).sort_values().iloc[::2])
    table = feature_value.contribution_table(project, rows[even], rows[~even], spec, list(spec.features))
    weak = table[(table["low"] <= 0) | (table["loss"] < project.settings.limits.least_contribution)]
    what = evaluation.problem_of(contract).quality
    return {
        str(
            name
        ): f"adopt: {what} {row.loss:+.4f} [{row.low:+.4f}, {row.high:+.4f}]; undecided: leave it out, or say why it stays"
        for name, row in weak.iterrows()
    }


def _floor(project: Workspace) -> float:
    """What the weakest slice of the test reaches, and some room below it."""
    problem = evaluation.problem_of(project.contract)
    split = snapshots.split_features(project)
    trained = training.train_model(project, split, project.settings.model, project.settings.tests)
    table = evaluation.slices(
        split.test,
        project.settings.tests.slices,
        split.test[project.contract.target].to_numpy(dtype=float),
        trained.answers,
        split.test[project.contract.day],
        problem,
    )
    if table.empty:
        return problem.no_skill
    name = problem.quality.lower()
    weakest = float(table[name].iloc[1:].min()) if len(table) > 1 else float(table[name].min())
    room = 0.15 if not project.contract.regression else 0.5
    return round(max(weakest - room, 0.5), 2) if not project.contract.regression else round(min(weakest - room, 0.5), 2)


def _write_limits(file: Path, limits: Sequence[calibrate.Calibrated], kept: dict[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    marker = "[gates.kept]                      # features without a measurable contribution that stay, and why\n"
    lines = "".join(f'{name} = "{why}"\n' for name, why in kept.items())
    text = text.replace(marker, marker + lines)
    if limits:
        said = "".join(f"{each.name} = {calibrate.as_toml(each)[0]}  # {each.reason}\n" for each in limits)
        text = (
            text.rstrip("\n")
            + f"\n\n[limits]                          # where the defaults do not fit these data\n{said}"
        )
    file.write_text(text, encoding="utf-8", newline="\n")


def _put_in_place(scratch: Path, home: Path) -> None:
    """Move what was made into the project, the settings last; on a mistake take back what was moved."""
    for name in ("registry", "cache", "reports", "tracking"):
        shutil.rmtree(scratch / name, ignore_errors=True)
    for junk in scratch.rglob("__pycache__"):
        shutil.rmtree(junk, ignore_errors=True)
    files = sorted(path for path in scratch.rglob("*") if path.is_file() and path.name != settings.FILE)
    files = [
        *(path for path in files if path.name != "__init__.py"),
        *(path for path in files if path.name == "__init__.py"),
        scratch / settings.FILE,
    ]
    replaced = {home / settings.FILE, *(path for path in home.glob("src/*/__init__.py"))}
    for path in files:
        target = home / path.relative_to(scratch)
        if target.exists() and target not in replaced:
            raise InputError("is there already", where=target, hint="move it away: adopt overwrites nothing")
    made: list[Path] = []
    with scratch_folder(home) as beside:
        try:
            for number, path in enumerate(files):
                target = home / path.relative_to(scratch)
                target.parent.mkdir(parents=True, exist_ok=True)
                if target in replaced:
                    shutil.copy2(target, beside / f"before-{number}")
                made.append(target)
                shutil.copyfile(path, beside / f"new-{number}")
                (beside / f"new-{number}").replace(target)
        except BaseException:
            for number, target in enumerate(made):
                before = beside / f"before-{number}"
                before.replace(target) if before.exists() else target.unlink(missing_ok=True)
            raise
