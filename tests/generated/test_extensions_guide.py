"""The examples of docs/extensions.md: each is a function of its kind that runs, on the flights where that says more."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
import roadworthy as rw
from click.testing import CliRunner
from roadworthy.contract.workspace import EXTENSIONS
from roadworthy.data import snapshots
from roadworthy.model import estimators
from roadworthy.project import Project
from sample import HOME
from sklearn.ensemble import RandomForestClassifier

TEXT = (HOME / "docs" / "extensions.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## An? (.*)\n(?:(?!^## ).*\n)*?```python\n((?:.*\n)*?)```", TEXT, re.MULTILINE))
KINDS = {
    "source": "sources",
    "feature step": "feature_steps",
    "metric": "metrics",
    "check": "checks",
    "gate": "gates",
    "monitor": "monitors",
    "incident": "incidents",
    "command": "commands",
}


def written(example: str) -> Callable[..., Any]:
    """The function that an example defines."""
    names: dict[str, Any] = {}
    exec(compile(EXAMPLES[example], example, "exec"), names)  # noqa: S102 - our own document
    (function,) = (
        each for name, each in names.items() if name in re.findall(r"^def (\w+)", EXAMPLES[example], re.MULTILINE)
    )
    return function  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def extended(project: Project) -> Project:
    """The project with every example registered."""
    registered = {KINDS[example]: {f"of the guide, {example}": written(example)} for example in KINDS}
    return Project(project.folder, project.settings, replace(project.definition, **registered))  # type: ignore[arg-type]


def of(extended: Project, kind: str) -> Callable[..., Any]:
    (function,) = extended.definition.extensions(kind).values()
    return function


def test_the_example_of_another_estimator_is_built_of_the_settings_that_stand_before_it(project: Project) -> None:
    text = TEXT.partition("\n## Other estimators\n")[2]
    settings, code = (re.findall(rf"```{kind}\n((?:.*\n)*?)```", text) for kind in ("toml", "python"))
    model = tomllib.loads(settings[0])["model"]
    spec = rw.ModelSettings(**{**project.settings.model.model_dump(), **model})
    names: dict[str, Any] = {"rw": rw, "RandomForestClassifier": RandomForestClassifier}
    exec(compile(code[0], "estimator", "exec"), names)  # noqa: S102 - our own document
    estimator = names["build"](spec)
    estimators.require_exportable(estimator)
    assert {name: getattr(estimator, name) for name in model["parameters"]} == model["parameters"]
    assert tomllib.loads(settings[1])["calibration"] == "isotonic"


def test_the_guide_has_an_example_of_each_kind() -> None:
    assert set(EXAMPLES) == set(KINDS)
    assert set(KINDS.values()) == set(EXTENSIONS)


def test_each_example_has_the_arguments_of_its_kind(extended: Project) -> None:
    for kind in EXTENSIONS:
        assert len(extended.definition.extensions(kind)) == 1


def test_a_source_gives_a_table_in_the_place_of_its_file(extended: Project, tmp_path: Path) -> None:
    for table in extended.contract.tables:
        (tmp_path / f"{table.name}.parquet").symlink_to(HOME / "data" / "2013" / f"{table.name}.parquet")
    snapshots.seal_snapshot(tmp_path)
    pd.read_parquet(tmp_path / "airlines.parquet").to_csv(tmp_path / "airlines.csv", index=False)
    (tmp_path / "airlines.parquet").unlink()
    given = {"airlines": "of the guide, source"}
    (count,) = (
        snapshots.connect_snapshot(extended, tmp_path, source=given).sql("select count(*) from airlines").fetchall()[0]
    )
    assert count == 16
    snapshot = extended.settings.snapshot().model_copy(update={"folder": tmp_path, "source": given})
    before = snapshots.sums_of(extended, snapshot)
    (tmp_path / "airlines.csv").write_text("carrier,name\nAA,Another\n", encoding="utf-8")
    after = snapshots.sums_of(extended, snapshot)
    assert {name for name in before if before[name] != after[name]} == {"airlines from of the guide, source"}
    with pytest.raises(rw.InputError, match="there is no source 'other'"):
        snapshots.connect_snapshot(extended, tmp_path, source={"airlines": "other"})


def test_a_feature_step_adds_a_column_to_all_rows(extended: Project, flights: pd.DataFrame) -> None:
    made = of(extended, "feature_steps")(flights.rename(columns={"distance": "amount"}))
    assert len(made) == len(flights)
    assert set(made["amount_class"]) == {"s", "m", "l"}


def test_a_step_that_loses_rows_is_refused(extended: Project, flights: pd.DataFrame) -> None:
    loses = replace(extended.definition, feature_steps={"half": lambda rows: rows.head(len(rows) // 2)})
    with pytest.raises(rw.InputError, match="feature step 'half': makes"):
        snapshots.with_steps(Project(extended.folder, extended.settings, loses), flights)


def test_a_metric_stands_beside_ours(extended: Project) -> None:
    own = {"cost": of(extended, "metrics")}
    found = rw.evaluate([0, 1, 0, 1], [0.9, 0.1, 0.1, 0.9], [1, 1, 2, 2], own=own).to_dict()
    assert found["cost"] == (5 + 20) / 4
    assert "auc" in found


def test_a_check_says_whether_it_holds(extended: Project) -> None:
    tables = extended.data.connect()
    tables.execute("create view orders as select origin as shop from flights")
    report = extended.data.check(tables)
    (own,) = (finding for finding in report.findings if finding.table == "project")
    assert (own.passed, own.evidence) == (True, "3 of 3 shops have orders")
    short = tables.cursor()
    short.execute("create temp table part as select * from orders where shop <> 'JFK'")
    few = SimpleNamespace(sql=lambda sql: short.sql(sql.replace("from orders", "from part")))
    assert of(extended, "checks")(few) == (False, "2 of 3 shops have orders")


def test_a_gate_judges_the_bench(extended: Project, flights: pd.DataFrame) -> None:
    gate = of(extended, "gates")
    orders = flights.rename(columns={"dep_delay": "delivered", "late": "returned"})
    assert gate(SimpleNamespace(frame=orders))[0] is True
    wrong = orders.assign(returned=orders["returned"].fillna(1.0))
    passed, evidence = gate(SimpleNamespace(frame=wrong))
    assert passed is False
    assert evidence == "8,255 orders without a delivery have a label"


def test_a_monitor_reads_a_window(extended: Project) -> None:
    monitor = of(extended, "monitors")
    calm = SimpleNamespace(name="2013-07-01", probability=np.full(100, 0.5))
    loud = SimpleNamespace(name="2013-07-08", probability=np.full(100, 0.99))
    assert [monitor({}, window).violated for window in (calm, loud)] == [False, True]


def test_an_incident_changes_the_rows(extended: Project) -> None:
    orders = pd.DataFrame({"shop": ["north", "south", "north", "west"]})
    assert of(extended, "incidents")(orders, {}, pd.Timestamp("2013-07-01"))["shop"].tolist() == ["south", "west"]


def test_a_command_gets_the_project(extended: Project) -> None:
    command = of(extended, "commands")
    assert isinstance(command, click.Command)
    told = CliRunner().invoke(command, obj=extended)
    assert told.exit_code == 0
    assert told.output.splitlines()[0] == "flights: 336,776"


def test_a_source_that_gives_no_table_is_refused(extended: Project, tmp_path: Path) -> None:
    text = replace(extended.definition, sources={"text": lambda *_: "rows"})
    given = {table.name: "text" for table in extended.contract.tables}
    with pytest.raises(rw.InputError, match=r"source 'text' .*gives a str\n  a source returns a pyarrow.Table"):
        snapshots.connect_snapshot(Project(tmp_path, extended.settings, text), tmp_path, source=given)
