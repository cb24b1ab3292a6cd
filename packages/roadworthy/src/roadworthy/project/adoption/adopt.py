"""The command `adopt`: from delivered files to a drafted project, in a folder that has none yet.

Everything is made and tried in a scratch folder first. Only what is whole is put into the project, the settings last:
with them the project is one that every command takes.
"""

import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from ...base import databases, settings
from ...base.errors import InputError
from ...base.files import scratch_folder
from ...contract.workspace import Workspace
from ...data import snapshots
from ...data.deliveries import Delivery, read_delivery
from ...data.snapshots import seal_snapshot
from . import choices, package_files, plan
from .columns import find_columns
from .config_file import config_text
from .contract_file import contract_text
from .decisions import Decided, decide_columns, target_sql
from .drills_file import drills_text
from .examples import write_examples
from .measures import Measured, measure_limits
from .plan import Plan
from .records import (
    TABLE,
    KeptAside,
    keep_aside,
    keep_repeated_aside,
    make_records,
    reading_sql,
    require_few_aside,
    write_records,
)
from .roles import Ask, Asked, decide_roles

Tell = Callable[[str], None]
MEMORY = "1GB"  # of DuckDB, the rest is left to the rows of a sample
TRIED = 20_000  # rows of the snapshot on which limits are measured
FRAME = 100_000  # rows of the features that settings are chosen by
WRITTEN = ("contract.py", "features.sql", f"read_{TABLE}.sql", f"trace_{TABLE}.sql", "model.py", "incidents.py")
MARK = "<!-- adopt: about this data -->"  # in README.md, where the section on the data goes


@dataclass(frozen=True)
class Understood:
    """A delivery, what was decided about its columns, and the rows that are kept aside."""

    delivery: Delivery
    decided: Decided
    aside: tuple[KeptAside, ...]


@dataclass(frozen=True)
class Draft:
    """What the files of a project are made of: the plan, its features, and what was chosen by them."""

    plan: Plan
    frame: pd.DataFrame
    choice: choices.ModelChoice
    found: dict[str, Any]


@dataclass(frozen=True)
class Adopted:
    """What was made of a delivery, for the page; `sample` are some rows, `target` their targets as numbers."""

    understood: Understood
    draft: Draft
    measured: Measured
    sample: pd.DataFrame
    target: "pd.Series[float]"


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
    package, hint = package_of(home), "look at its columns and rows, and correct them"
    with tempfile.TemporaryDirectory(prefix="roadworthy-adopt-") as place:
        connection = _database(Path(place))
        try:
            with databases.explain_sql_errors("cannot be read", files[0], hint):
                understood = understand(connection, files, asked, ask, tell)
                return _drafted(connection, Path(place), home, (package, _snapshot_name(files[0])), understood, tell)
        finally:
            connection.close()


def _database(place: Path) -> duckdb.DuckDBPyConnection:
    """In a file: a delivery may be larger than the memory that it may take."""
    connection = databases.empty_duckdb(place / "delivery.duckdb")
    connection.execute(f"set memory_limit = '{MEMORY}'")
    return connection


def understand(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], asked: Asked, ask: Ask, tell: Tell
) -> Understood:
    """Read delivered files into the table `records`, and decide what each column is."""
    delivery = read_delivery(connection, files, "delivery")
    tell(f"{delivery.rows:,} rows and {len(delivery.columns)} columns read: {delivery.form}")
    columns = find_columns(connection, delivery, [name for name in delivery.columns if name == asked.time])
    make_records(connection, "delivery", columns)
    keep_repeated_aside(connection, columns)
    roles = decide_roles(connection, columns, asked, ask)
    aside = keep_aside(connection, roles)
    require_few_aside(connection, aside, files[0])
    decided = decide_columns(connection, columns, roles, asked)
    if not decided.of("feature"):
        out = "; ".join(f"{each.column.source}: {each.why}" for each in decided.of("kept out", "private")[:5])
        raise InputError(f"no feature is left: {out}", where=files[0], hint="give a table with more columns")
    tell(f"{len(decided.of('feature'))} columns are features, {len(decided.of('kept out', 'private'))} are kept out")
    return Understood(delivery, decided, tuple(aside))


def _drafted(
    connection: duckdb.DuckDBPyConnection,
    place: Path,
    home: Path,
    names: tuple[str, str],
    understood: Understood,
    tell: Tell,
) -> Adopted:
    scratch, decided = place / "project", understood.decided
    folder = scratch / "data" / names[1]
    folder.mkdir(parents=True)
    rows = write_records(connection, decided, folder / f"{TABLE}.parquet")
    draft = _draft(connection, names, decided, rows)
    tell(draft.choice.why)
    _write_project(connection, scratch, draft)
    seal_snapshot(folder)
    measured = _measured(_few(connection, place, draft) or scratch, draft.plan, tell)
    draft.found["floor"] = measured.floor
    text = config_text(draft.plan, draft.found, draft.choice, measured)
    (scratch / settings.FILE).write_text(text, encoding="utf-8", newline="\n")
    _put_in_place(scratch, home)
    _describe(home / "README.md", understood, draft)
    sample = _sample(connection, draft.plan)
    target = sample.pop("the target")
    return Adopted(understood, draft, measured, sample, target)


def _measured(folder: Path, made: Plan, tell: Tell) -> Measured:
    try:
        return measure_limits(Workspace.open(folder), made.rows, tell)
    finally:
        # The package was imported from the scratch folder, which goes: it will be opened where the project is.
        for name in [each for each in sys.modules if each.partition(".")[0] == made.package]:
            del sys.modules[name]


def _snapshot_name(file: Path) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", file.name.partition(".")[0].lower()).strip("_")
    return words or "first"


def _draft(connection: duckdb.DuckDBPyConnection, names: tuple[str, str], decided: Decided, rows: int) -> Draft:
    made = plan.make_plan(connection, names, decided, rows)
    frame = _features(connection, made)
    target = decided.roles.target
    periods = choices.choose_periods(frame, target) if decided.roles.time else None
    choice = choices.choose_model(made, frame)
    return Draft(made, frame, choice, choices.config_values(made, frame, periods, choice))


def _features(connection: duckdb.DuckDBPyConnection, made: Plan) -> pd.DataFrame:
    """The features of the rows, some of them where there are very many, with drawn days where there is no time."""
    step = max(1, made.rows // FRAME)
    some = f"from (select * from kept where rowid % {step} = 0) as {TABLE}"
    sql = package_files.features_sql(made).partition("\n")[2].replace(f"from {TABLE}", some)
    frame = databases.to_frame(connection.sql(sql))
    target, contract = made.decided.roles.target, plan.contract_of(made)
    frame[target] = frame[target].astype("float64")
    for each in made.features:
        if each.column.kind == "time":
            frame[each.column.name] = pd.to_datetime(frame[each.column.name], utc=True)
    return snapshots.draw_days(contract, frame, seed=0) if contract.timeless else frame


def _sample(connection: duckdb.DuckDBPyConnection, made: Plan) -> pd.DataFrame:
    """Some rows of the table with the target as a number, for pictures."""
    target = target_sql(made.decided.roles, [each.column for each in made.decided.decisions])
    step = max(1, made.rows // TRIED)
    return databases.to_frame(connection.sql(f'select *, {target} as "the target" from kept where rowid % {step} = 0'))


def _write_project(connection: duckdb.DuckDBPyConnection, scratch: Path, draft: Draft) -> None:
    """Write all files of the draft below `scratch`."""
    made = draft.plan
    package = scratch / "src" / made.package
    texts = {
        package / "__init__.py": package_files.package_text(made),
        package / "contract.py": contract_text(made),
        package / "features.sql": package_files.features_sql(made),
        package / f"read_{TABLE}.sql": reading_sql(made.decided),
        package / f"trace_{TABLE}.sql": package_files.trace_sql(made),
        package / "model.py": package_files.model_text(
            draft.found["trees"], boosting=draft.choice.boosting, regression=made.decided.roles.regression
        ),
        package / "incidents.py": package_files.incidents_text(made),
        scratch / "drills" / "drafted.toml": drills_text(made, draft.found),
        scratch / settings.FILE: config_text(made, draft.found, draft.choice),
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    write_examples(connection, made, draft.frame, scratch / "tests" / "feature_examples")


def _few(connection: duckdb.DuckDBPyConnection, place: Path, draft: Draft) -> Path | None:
    """A project of some of the rows, where there are so many that measuring would take long."""
    step = draft.plan.rows // TRIED
    if step < 2:
        return None
    folder = place / "few"
    _write_project(connection, folder, replace(draft, plan=replace(draft.plan, rows=TRIED // 2)))
    data = folder / "data" / draft.plan.snapshot
    data.mkdir(parents=True)
    file = data / f"{TABLE}.parquet"
    connection.execute(f"copy (select * from kept where rowid % {step} = 0) to '{file}' (format parquet)")
    seal_snapshot(data)
    return folder


def _put_in_place(scratch: Path, home: Path) -> None:
    """Move what was made into the project, the settings last; on a mistake take back what was moved."""
    made = [path for path in scratch.rglob("*") if path.is_file() and path.relative_to(scratch).parts[0] in PARTS]
    made = [path for path in made if "__pycache__" not in path.parts]
    files = [*sorted(made, key=lambda path: (path.name == "__init__.py", path)), scratch / settings.FILE]
    replaced = {home / settings.FILE, *home.glob("src/*/__init__.py")}
    for path in files:
        target = home / path.relative_to(scratch)
        if target.exists() and target not in replaced:
            raise InputError("is there already", where=target, hint="move it away: adopt overwrites nothing")
    done: list[Path] = []
    with scratch_folder(home) as beside:
        try:
            for number, path in enumerate(files):
                target = home / path.relative_to(scratch)
                target.parent.mkdir(parents=True, exist_ok=True)
                if target in replaced:
                    shutil.copy2(target, beside / f"before-{number}")
                shutil.copyfile(path, beside / f"new-{number}")
                done.append(target)
                (beside / f"new-{number}").replace(target)
        except BaseException:
            for number, target in enumerate(done):
                before = beside / f"before-{number}"
                before.replace(target) if before.exists() else target.unlink(missing_ok=True)
            raise


PARTS = ("data", "drills", "src", "tests")


def _describe(readme: Path, understood: Understood, draft: Draft) -> None:
    """Put a section on the data into the README, where its mark is; a README without the mark stays as it is."""
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    if MARK not in text:
        return
    roles, delivery = understood.decided.roles, understood.delivery
    target = understood.decided.column(roles.target).source
    what = f"{target}, a number" if roles.regression else f"whether {target} is {roles.positive or 'true'}"
    asked = f"when `{roles.time}` says so" if roles.time else "at any time: the rows have none, and are split at random"
    features = ", ".join(f"`{name}`" for name in draft.plan.modelled)
    section = f"""## This data

{draft.plan.rows:,} records were drafted from {delivery.rows:,} delivered rows ({delivery.form}). The model predicts
{what}, and is asked {asked}.

Features: {features}. What was kept out, and why, is on the page `reports/adopt/index.html`.

A file in the form of the first one is read by `src/{draft.plan.package}/read_{TABLE}.sql`: `roadworthy check FILE`,
`roadworthy score --raw FILE OUT`. `roadworthy adopt --again FILE` compares a new delivery with the contract."""
    readme.write_text(text.replace(MARK, section), encoding="utf-8", newline="\n")
