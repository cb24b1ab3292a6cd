"""Small tables of any shape and contracts that may not fit them: trained, or refused in a sentence."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from roadworthy.base import settings
from roadworthy.base.errors import InputError, ProjectError
from roadworthy.contract.schema import Column, Contract, Table
from roadworthy.contract.workspace import Definition, SearchSpace, Workspace
from roadworthy.data import snapshots
from roadworthy.model import training

ROWS = """
select 'r' || i as key, timestamp '2024-01-01 06:00' + to_hours(i) as moment, moment + interval 1 hour as known,
    moment::date as day, i % 7 as number, sin(i) as real, ['a', 'b', 'c'][i % 3 + 1] as word,
    (hash(i) % 3 = 0) as target
from range(600) as t(i)
"""
KINDS = {
    "key": "text",
    "moment": "time",
    "known": "time",
    "day": "date",
    "number": "integer",
    "real": "number",
    "word": "category",
    "target": "boolean",
}
ROLES = {"key": "key", "time": "moment", "day": "day", "target": "target", "known_at": "known"}
FEATURES = ("number", "real", "word")
SPEC: dict[str, Any] = {"name": "any", "seed": 0, "max_iter": 3}
PERIODS = {"train": ("2024-01-01", "2024-01-15"), "test": ("2024-01-15", "2024-02-01")}
# What may stand for a column of the table, or of the features.
INSTEAD = {
    "null": "null",
    "a constant": "1",
    "a word": "'x'",
    "nothing": "''",
    "text": "{0}::varchar",
    "a real number": "try_cast({0} as double)",
    "a decimal number": "try_cast({0} as decimal(18, 3))",
    "a large number": "try_cast({0} as hugeint)",
    "a date": "try_cast({0} as date)",
    "a time": "try_cast({0} as timestamp)",
    "a time with a zone": "try_cast({0} as timestamptz)",
    "bytes": "'x'::blob",
    "a list": "[{0}]",
    "a record": "{{'a': {0}}}",
    "an interval": "interval 3 days",
    "infinity": "'inf'::double",
    "no number": "'nan'::double",
    "an identifier": "uuid()",
    "one of three": "hash({0}) % 3",
    "rarely": "case when hash({0}) % 9 = 0 then {0} end",
    "a failure": "error('no')",
    "no column": "there_is_none",
}


def project(
    folder: Path, sql: str, contract: Contract, model: Any, features: tuple[str, ...] = FEATURES, **split: Any
) -> Workspace:
    """A project with the snapshot in `folder`, and some features.sql."""
    (folder / "features.sql").write_text(sql, encoding="utf-8")
    snapshots.seal_snapshot(folder / "data")
    paths = {name: folder / name for name in ("registry", "runs", "reports", "predictions", "cache", "tracking")}
    config = settings.Settings.model_validate(
        {
            "project": {"package": "any"},
            "data": {
                "snapshot": "s",
                "snapshots": {"s": {"folder": folder / "data"}},
                "checks": {"max_quarantined": 0.01},
            },
            "split": split or PERIODS,
            "retraining": {"snapshots": ["s"], **PERIODS},
            "model": {**SPEC, "features": features, "threshold": None if contract.regression else 0.5},
            "tests": {"slices": [], "max_invariance": 0.1},
            "gates": {"max_age_days": 30},
            "service": {},
            "monitoring": {"max_psi": 0.2, "max_unseen": 0.01},
            "paths": paths,
        },
        context=folder,
    )
    search = SearchSpace(grid={}, quick=())
    return Workspace(folder, config, Definition(contract=contract, sql=folder, model=lambda _: model, search=search))


def write(rows: str, folder: Path) -> None:
    """Write the rows of a query as the one table of a snapshot."""
    (folder / "data").mkdir(parents=True)
    file = (folder / "data" / "events.parquet").as_posix()
    duckdb.connect().execute(f"copy ({rows}) to '{file}' (format parquet)")


def contract_of(
    kinds: dict[str, Any], roles: dict[str, str], positive: str, problem: str = "classification"
) -> Contract:
    """A contract of the table, and of the same columns as features."""
    columns = tuple(Column(name=name, kind=kind, about=name, max_null=0.5) for name, kind in kinds.items())
    events = Table(name="events", columns=columns, key=("key",), time="moment" if "moment" in kinds else "")
    features = Table(name="features", columns=columns, key=("key",))
    return Contract(tables=(events,), features=features, positive=positive, problem=problem, **roles)


def columns(parts: dict[str, str]) -> str:
    """The columns of a query, some of them something else."""
    return ", ".join(INSTEAD[parts[name]].format(name) + f" as {name}" if name in parts else name for name in KINDS)


COLUMNS = st.sampled_from(sorted(KINDS))
FEW_PARTS = st.dictionaries(COLUMNS, st.sampled_from(sorted(INSTEAD)), max_size=2)


# What of a sound project is another way.
SHAPES = st.fixed_dictionaries(
    {
        "in table": FEW_PARTS,
        "rows": st.sampled_from([0, 1, 30, 250, 600, 600, 600]),
        "in features": FEW_PARTS,
        "kinds": st.dictionaries(COLUMNS, st.sampled_from(sorted({*KINDS.values()})), max_size=2),
        "lost": st.sets(COLUMNS, max_size=1),
        "roles": st.dictionaries(st.sampled_from(sorted(ROLES)), COLUMNS, max_size=1),
        "positive": st.sampled_from(["", "", "a", "1"]),
        "problem": st.sampled_from(["classification", "regression"]),
        "asked": st.one_of(st.just(FEATURES), st.lists(COLUMNS, min_size=1, max_size=4, unique=True).map(tuple)),
        "estimator": st.sampled_from(
            [
                HistGradientBoostingClassifier(max_iter=3),
                LogisticRegression(max_iter=200),
                HistGradientBoostingRegressor(max_iter=3),
                Ridge(),
            ]
        ),
    }
)


@hypothesis_settings(max_examples=int(os.environ.get("EXAMPLES", "50")), deadline=None)
@given(shape=SHAPES)
def test_any_table_is_trained_on_or_refused_in_a_sentence(shape: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place, suppress(ProjectError, ContractError):
        folder = Path(place)
        try:
            rows = f"select {columns(shape['in table'])} from ({ROWS}) limit {shape['rows']}"
            write(rows, folder)
        except duckdb.Error:
            reject()  # it is no table
        try:
            kept = {name: kind for name, kind in {**KINDS, **shape["kinds"]}.items() if name not in shape["lost"]}
            roles = {**ROLES, **({"target": "real"} if shape["problem"] == "regression" else {}), **shape["roles"]}
            contract = contract_of(kept, roles, shape["positive"], shape["problem"])
        except ValueError as error:  # told with its line when the package of a project is imported
            raise ContractError from error
        sql = f"select {columns(shape['in features'])} from events"
        made = project(folder, sql, contract, shape["estimator"], shape["asked"])
        answers = training.train_and_evaluate(made).answers
        assert np.isfinite(answers).all() if contract.regression else 0 <= answers.min() <= answers.max() <= 1


class ContractError(Exception):
    """The contract was refused where it is written."""


def made_project(
    tmp_path: Path, *, rows: str = ROWS, sql: str = "select * from events", split: Any = PERIODS, **changed: Any
) -> Workspace:
    """The sound project, but for what is given."""
    write(rows, tmp_path)
    contract = contract_of(**{"kinds": KINDS, "roles": ROLES, "positive": "", **changed})
    return project(tmp_path, sql, contract, HistGradientBoostingClassifier(max_iter=3), **split)


@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_a_target_without_any_value_is_no_label_of_whatever_type_it_is(problem: str, tmp_path: Path) -> None:
    sql = "select * replace (null::timestamp as target, null::timestamp as real) from events"
    roles = ROLES if problem == "classification" else {**ROLES, "target": "real"}
    with pytest.raises(InputError, match="no labelled rows"):
        training.train_and_evaluate(made_project(tmp_path, sql=sql, roles=roles, problem=problem))


def test_the_sound_one_is_trained(tmp_path: Path) -> None:
    assert len(training.train_and_evaluate(made_project(tmp_path)).answers) > 200


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select * from evnts", "features.sql: cannot be run: Catalog Error: Table with name evnts does not exist"),
        ("selct 1", "features.sql: cannot be run: Parser Error"),
        (
            "select * replace ('x'::blob::integer as number) from events",
            "features.sql: cannot be run: Conversion Error",
        ),
        ("select * exclude (word) from events", "the contract's column 'word' is missing"),
        (
            "select * replace (number::varchar as number) from events",
            "'number' is of the type str, which does not fit its kind 'integer'",
        ),
        (
            "select * replace (3 as word) from events",
            "'word' is of the type int32, which does not fit its kind 'category'",
        ),
        ("select * replace (moment as day) from events", "'day' holds times, and must hold days"),
        ("select * replace (number::decimal(9, 2) as real) from events", "which does not fit its kind 'number'"),
        ("select * from events where number < 2", "[split] train: has 95 labelled rows; at least 200 are needed"),
        ("select * replace (true as target) from events", "[split] train: has one value only: every label is 1"),
    ],
)
def test_features_that_cannot_be_used_are_told(tmp_path: Path, sql: str, says: str) -> None:
    with pytest.raises(InputError) as error:
        training.train_and_evaluate(made_project(tmp_path, sql=sql))
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("target", "kind", "positive"),
    [
        ("(hash(i) % 3 = 0)::integer", "integer", ""),
        ("2 + (hash(i) % 3 = 0)::integer", "integer", "3"),
        ("case when hash(i) % 3 = 0 then 'late' else 'in time' end", "category", "late"),
    ],
)
def test_yes_and_no_may_be_numbers_or_words(tmp_path: Path, target: str, kind: str, positive: str) -> None:
    rows = ROWS.replace("(hash(i) % 3 = 0) as target", f"case when i % 10 > 0 then {target} end as target")
    words = made_project(tmp_path / "words", rows=rows, kinds={**KINDS, "target": kind}, positive=positive)
    same = rows.replace(target, "hash(i) % 3 = 0")
    booleans = made_project(tmp_path / "booleans", rows=same)
    found, expected = (snapshots.checked_features(each) for each in (words, booleans))
    pd.testing.assert_frame_equal(found, expected)
    assert found["target"].isna().mean() == pytest.approx(0.1)
    one, two = (training.train_and_evaluate(each).answers for each in (words, booleans))
    assert one.tolist() == two.tolist()


@pytest.mark.parametrize(
    ("target", "kind", "positive", "says"),
    [
        ("hash(i) % 3", "integer", "", "'target' holds 0, 1, 2, and must hold yes or no"),
        ("hash(i) % 3", "integer", "2", "'target' holds 0, 1, 2; it may hold 2 and one other value"),
        (
            "['a', 'b', 'c'][i % 3 + 1]",
            "category",
            "a",
            "'target' holds a, b, c; it may hold a and one other value",
        ),
        ("['a', 'b'][i % 2 + 1]", "category", "yes", "'target' holds a, b; it may hold yes and one other value"),
    ],
)
def test_more_than_two_classes_are_told(tmp_path: Path, target: str, kind: str, positive: str, says: str) -> None:
    rows = ROWS.replace("(hash(i) % 3 = 0) as target", f"({target}) as target")
    made = made_project(tmp_path, rows=rows, kinds={**KINDS, "target": kind}, positive=positive)
    with pytest.raises(InputError) as error:
        training.train_and_evaluate(made)
    assert says in str(error.value)


TIMELESS = {"key": "key", "target": "target", "time": "", "day": "", "known_at": ""}
DRAWN_SPLIT = {"test_share": 0.4, "seed": 3}


def timeless(group: str = "", rows: str = ROWS) -> dict[str, Any]:
    """What is another way in a project whose rows have no time."""
    kinds = {name: kind for name, kind in KINDS.items() if kind not in {"time", "date"}}
    roles = {**TIMELESS, **({"group": group} if group else {})}
    return {"rows": f"select {', '.join(kinds)} from ({rows})", "kinds": kinds, "roles": roles, "split": DRAWN_SPLIT}


def test_groups_stay_together_where_days_are_drawn(tmp_path: Path) -> None:
    rows = ROWS.replace("i % 7 as number", "i % 60 as number")
    parts = snapshots.split_features(made_project(tmp_path, **timeless("number", rows)))
    assert not set(parts.train["number"]) & set(parts.test["number"])
    assert len(parts.train) + len(parts.test) == 600


def test_a_split_that_does_not_fit_the_rows_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has a test_share, and the rows have a time"):
        snapshots.split_features(made_project(tmp_path / "timed", split=DRAWN_SPLIT))
    with pytest.raises(InputError, match="names days, and the rows have no time"):
        snapshots.split_features(made_project(tmp_path / "timeless", **{**timeless(), "split": PERIODS}))
    rows = ROWS.replace("i % 7 as number", "nullif(i % 7, 3) as number")
    with pytest.raises(InputError, match="'number' is missing, and decides on which side"):
        snapshots.split_features(made_project(tmp_path / "lost", **timeless("number", rows)))
