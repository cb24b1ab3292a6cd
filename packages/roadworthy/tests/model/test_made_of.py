"""What a model and the features that are kept are made of: a change is noticed, and nothing else is one."""

import dataclasses
import linecache
import shutil
from collections.abc import Callable
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from roadworthy.base.errors import InputError
from roadworthy.contract.schema import Contract
from roadworthy.contract.workspace import Definition
from roadworthy.data import snapshots
from roadworthy.model import training
from roadworthy.project import Project

Redefine = Callable[[Path, Definition], Definition]


def of_file(file: Path, text: str, name: str) -> Any:
    """What has this name in a module of its own with this text."""
    file.write_text(text, encoding="utf-8")
    spec = spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def redefined(project: Project, **changes: Any) -> Project:
    return Project(project.folder, project.settings, dataclasses.replace(project.definition, **changes))


def building(project: Project, folder: Path, change: Callable[[str], str]) -> Project:
    """The project with a model.py of its own, changed."""
    text = change((project.definition.sql / "model.py").read_text(encoding="utf-8"))
    return redefined(project, model=of_file(folder / "own_model.py", text, "build"))


def test_a_changed_build_changes_the_lineage_and_nothing_else_of_it(project: Project, tmp_path: Path) -> None:
    before = training.project_lineage(project)
    after = training.project_lineage(
        building(project, tmp_path, lambda text: text.replace("early_stopping=False", "tol=0.1"))
    )
    assert {name for name in before if before[name] != after[name]} == {"model"}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: f"# What we think of it.\n{text}\n\n# The end.\n",
        lambda text: text.replace("early_stopping=False,", "early_stopping=False,  # by the days\n\n"),
    ],
)
def test_a_comment_and_a_line_without_code_do_not_change_the_lineage(
    project: Project, tmp_path: Path, change: Callable[[str], str]
) -> None:
    assert training.project_lineage(building(project, tmp_path, change)) == training.project_lineage(project)


def test_a_changed_feature_step_changes_the_lineage(project: Project, tmp_path: Path) -> None:
    texts = ("def step(rows):\n    return rows\n", "def step(rows):\n    return rows * 2\n")
    made = [
        training.project_lineage(
            redefined(project, feature_steps={"own": of_file(tmp_path / "own_step.py", text, "step")})
        )
        for text in texts
    ]
    assert training.project_lineage(project)["feature_steps"] == {}
    assert made[0]["feature_steps"] != made[1]["feature_steps"]
    assert {**made[0], "feature_steps": {}} == {**made[1], "feature_steps": {}} == training.project_lineage(project)


def test_a_module_that_the_build_imports_belongs_to_the_lineage_and_others_do_not(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "own_parts"
    package.mkdir()
    for name in ("__init__", "depths", "strangers"):
        (package / f"{name}.py").write_text("", encoding="utf-8")
    (package / "model.py").write_text(
        "from . import depths\n\n\ndef build(spec):\n    return depths\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = redefined(project, model="own_parts.model:build")
    first = training.project_lineage(own)
    (package / "strangers.py").write_text("DEPTH = 3\n", encoding="utf-8")
    assert training.project_lineage(own) == first
    (package / "depths.py").write_text("# How deep it is.\n", encoding="utf-8")
    assert training.project_lineage(own) == first
    (package / "depths.py").write_text("DEPTH = 3\n", encoding="utf-8")
    assert {name for name, value in training.project_lineage(own).items() if value != first[name]} == {"model"}


def test_a_build_that_was_written_in_a_notebook_has_a_sum_of_its_own(project: Project) -> None:
    made = [
        training.project_lineage(redefined(project, model=cell(f"def build(spec):\n    return {n}\n")))
        for n in (1, 1, 2)
    ]
    assert made[0] == made[1]
    assert made[0] != made[2]


def cell(text: str) -> Any:
    """The function of a cell: its source is known, and there is no file of that name."""
    name = f"<ipython-input-{abs(hash(text))}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names: dict[str, Any] = {}
    exec(compile(text, name, "exec"), names)  # noqa: S102 - our own text
    return names["build"]


def test_a_build_whose_source_nobody_knows_is_refused(project: Project) -> None:
    names: dict[str, Any] = {}
    # A name of its own: Python 3.13 knows the text of "<string>", which is what it was started with.
    exec(compile("def build(spec):\n    return spec\n", "<nowhere>", "exec"), names)  # noqa: S102 - our own text
    with pytest.raises(InputError, match="source cannot be read"):
        training.project_lineage(redefined(project, model=names["build"]))


def test_what_a_build_is_given_in_advance_changes_the_lineage(project: Project) -> None:
    made = [
        training.project_lineage(redefined(project, model=partial(project.build, depth=depth))) for depth in (1, 1, 2)
    ]
    assert made[0] == made[1]
    assert {name for name in made[0] if made[0][name] != made[2][name]} == {"model"}


class Making:
    """Makes the features and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def features(self, *_: object) -> pd.DataFrame:
        self.times += 1
        return pd.DataFrame({"made": [self.times]})


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> Making:
    made = Making()
    monkeypatch.setattr(snapshots, "_checked_features", made.features)
    return made


@pytest.fixture
def keeping(project: Project, tmp_path: Path) -> Project:
    """The project with an empty place for its features."""
    paths = project.settings.paths.model_copy(update={"cache": tmp_path / "cache"})
    return project.using(project.settings.model_copy(update={"paths": paths}))


def other_contract(_: Path, definition: Definition) -> Definition:
    first, *others = definition.contract.tables
    wider = dataclasses.replace(first, min_rows=first.min_rows + 1)
    contract: Contract = dataclasses.replace(definition.contract, tables=(wider, *others))
    return dataclasses.replace(definition, contract=contract)


def other_sql(folder: Path, definition: Definition) -> Definition:
    shutil.copytree(definition.sql, folder / "sql")
    file = folder / "sql" / "features.sql"
    file.write_text(
        file.read_text(encoding="utf-8").replace("f.arr_delay >= 15", "f.arr_delay >= 16"), encoding="utf-8"
    )
    return dataclasses.replace(definition, sql=folder / "sql")


def own_step(_: Path, definition: Definition) -> Definition:
    return dataclasses.replace(definition, feature_steps={"own": f"{__name__}:step"})


def own_check(_: Path, definition: Definition) -> Definition:
    return dataclasses.replace(definition, checks={"own": check})


def step(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


def check(connection: object) -> tuple[bool, str]:
    return bool(connection), ""


@pytest.mark.parametrize("change", [other_contract, other_sql, own_step, own_check])
def test_features_are_made_anew_when_what_makes_them_has_changed(
    keeping: Project, making: Making, tmp_path: Path, change: Redefine
) -> None:
    other = Project(keeping.folder, keeping.settings, change(tmp_path, keeping.definition))
    made = [int(snapshots.checked_features(each)["made"][0]) for each in (keeping, keeping, other, other, keeping)]
    assert made == [1, 1, 2, 2, 1]
    assert making.times == 2


def test_another_line_of_a_feature_step_makes_the_features_anew(
    keeping: Project, making: Making, tmp_path: Path
) -> None:
    for line in ("return rows", "return rows  # as they are", "return rows * 2"):
        own = of_file(tmp_path / "own_step.py", f"def step(rows):\n    {line}\n", "step")
        snapshots.checked_features(redefined(keeping, feature_steps={"own": own}))
    assert making.times == 2


def test_features_stay_when_the_model_or_what_happens_in_production_has_changed(
    keeping: Project, making: Making, tmp_path: Path
) -> None:
    snapshots.checked_features(keeping)
    snapshots.checked_features(
        building(keeping, tmp_path, lambda text: text.replace("early_stopping=False", "tol=0.1"))
    )
    snapshots.checked_features(redefined(keeping, incidents={}))
    assert making.times == 1
