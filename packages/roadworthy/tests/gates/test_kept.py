"""A kept verdict is taken only if nothing that it depends on has changed."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from roadworthy.base import source_code
from roadworthy.gates import run as kept_verdicts
from roadworthy.gates.bench import Bench
from roadworthy.gates.run import GATES, CachedVerdicts, Judged
from roadworthy.project import Project
from sample import HOME

NAMED = {gate.name: gate for gate in GATES}


def files(name: str) -> set[str]:
    gate = NAMED[name]
    behind = source_code.files_behind(gate.gather, gate.judge, Bench)
    return {path.relative_to(source_code.FACE.parent).as_posix() for path in behind}


def test_what_every_gate_needs_is_behind_it() -> None:
    always = {"gates/bench.py", "data/snapshots.py", "contract/checks.py", "model/training.py", "registry/export.py"}
    always |= {"contract/workspace.py", "contract/schema.py", "bundle/signature.py"}
    assert all(always <= files(name) for name in ("Data 7", "Model 3", "Infrastructure 2", "Monitoring 4"))


def test_the_service_is_behind_the_gates_that_ask_it_only() -> None:
    assert {"serving/request.py", "serving/batch.py", "serving/predictor.py"} <= files("Monitoring 3")
    assert "serving/app.py" in files("Infrastructure 3")
    assert "monitoring/log.py" in files("Model 2")
    assert not {name for name in files("Model 3") if name.startswith("serving")}


@pytest.fixture
def home(project: Project, tmp_path: Path, registry: Path) -> Path:
    shutil.copytree(project.definition.sql, tmp_path / "src" / project.settings.project.package)
    for name in ("config.toml", "requirements.txt", "requirements.in"):
        shutil.copy(HOME / name, tmp_path / name)
    shutil.copytree(HOME / "data" / "2013", tmp_path / "data" / "2013")
    (tmp_path / "registry").mkdir(exist_ok=True)
    assert registry.exists()
    return tmp_path


class Judging:
    """Counts how often a verdict was computed."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Judged:
        self.times += 1
        return Judged("Data 7", "claim", True, f"said {self.times}", 0.1)


@pytest.fixture
def here(project: Project, home: Path) -> Project:
    """The project in that folder."""
    return project.copied_to(home)


def ask(here: Project, name: str, judge: Judging, **config: int) -> str:
    model = here.settings.model.model_copy(update=config)
    kept = CachedVerdicts(here.folder / "kept", Bench(here.using(here.settings.model_copy(update={"model": model}))))
    return kept.verdict(NAMED[name], judge).evidence


def test_the_same_inputs_are_judged_once(here: Project) -> None:
    judge = Judging()
    assert [ask(here, "Data 7", judge) for _ in range(2)] == ["said 1", "said 1"]


def test_another_setting_or_input_is_judged_anew(here: Project, home: Path) -> None:
    judge = Judging()
    ask(here, "Monitoring 1", judge)
    ask(here, "Monitoring 1", judge, seed=3)
    (home / "requirements.txt").write_text("other")
    ask(here, "Monitoring 1", judge)
    (home / "data" / "2013" / "airlines.parquet").write_bytes(b"other")
    ask(here, "Monitoring 1", judge)
    assert judge.times == 4 - ("data" not in NAMED["Monitoring 1"].needs)
    ask(here, "Data 2", judge)
    assert judge.times == 5 - ("data" not in NAMED["Monitoring 1"].needs)


def test_another_line_behind_a_gate_is_judged_anew(
    here: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    judge, other = Judging(), tmp_path / "other.py"
    ask(here, "Data 7", judge)
    other.write_text("changed = 1")
    real = source_code.files_behind
    monkeypatch.setattr(kept_verdicts, "files_behind", lambda *functions: [*real(*functions), other])
    ask(here, "Data 7", judge)
    assert judge.times == 2


@pytest.mark.parametrize("name", ["contract.py", "features.sql", "model.py", "incidents.py"])
def test_every_gate_judges_another_line_of_the_projects_package_anew(here: Project, name: str) -> None:
    # Without those that load the version before: nothing is served here that could be loaded.
    gates, judge = [gate for gate in GATES if "before" not in gate.needs], Judging()

    def ask_all() -> int:
        kept = CachedVerdicts(here.folder / "kept", Bench(here))
        for gate in gates:
            kept.verdict(gate, judge)
        return judge.times

    assert (ask_all(), ask_all()) == (len(gates), len(gates))
    with (here.folder / "src" / here.settings.project.package / name).open("a", encoding="utf-8") as file:
        file.write("\n-- another line\n" if name.endswith(".sql") else "\n# another line\n")
    assert ask_all() == 2 * len(gates)


def test_a_kept_verdict_is_a_small_file(here: Project, home: Path) -> None:
    ask(here, "Data 7", Judging())
    (file,) = (home / "kept").glob("*.json")
    assert json.loads(file.read_text()) == dataclasses.asdict(Judged("Data 7", "claim", True, "said 1", 0.1))
