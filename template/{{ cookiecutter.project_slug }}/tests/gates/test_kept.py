"""A kept verdict is taken only if nothing that it depends on has changed."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from roadworthy import settings
from roadworthy import sources
from roadworthy.evidence.bench import Bench
from roadworthy.gates import kept as kept_verdicts
from roadworthy.gates.catalog import named
from roadworthy.gates.kept import Kept
from roadworthy.gates.run import Judged

HOME = Path(__file__).parents[2]


def files(name: str) -> set[str]:
    gate = named(name)
    behind = sources.behind(gate.gather, gate.judge.function, Bench)
    return {path.relative_to(sources.FOLDER).as_posix() for path in behind}


def test_what_every_gate_needs_is_behind_it() -> None:
    always = {"evidence/bench.py", "data.py", "data_checks.py", "training.py", "model.py", "export.py", "bundle.py"}
    always |= {"contract.py", "sql/features.sql", "signature.py"}
    assert all(always <= files(name) for name in ("Data 7", "Model 3", "Infrastructure 2", "Monitoring 4"))


def test_the_service_is_behind_the_gates_that_ask_it_only() -> None:
    assert {"service/request.py", "scoring.py", "service/predictor.py"} <= files("Monitoring 3")
    assert "service/app.py" in files("Infrastructure 3")
    assert "monitoring/log.py" in files("Model 2")
    assert not {name for name in files("Model 3") if name.startswith("service")}
    assert not {name for name in files("Data 2") if name.startswith("service")}


@pytest.fixture
def home(tmp_path: Path, registry: Path) -> Path:
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


def ask(home: Path, name: str, judge: Judging, **config: int) -> str:
    whole = settings.load(home)
    model = whole.model.model_copy(update=config)
    kept = Kept(home / "kept", Bench(whole.model_copy(update={"model": model}), home))
    return kept.verdict(named(name), judge).evidence


def test_the_same_inputs_are_judged_once(home: Path) -> None:
    judge = Judging()
    assert [ask(home, "Data 7", judge) for _ in range(2)] == ["said 1", "said 1"]


def test_another_setting_or_input_is_judged_anew(home: Path) -> None:
    judge = Judging()
    ask(home, "Monitoring 1", judge)
    ask(home, "Monitoring 1", judge, seed=3)
    (home / "requirements.txt").write_text("other")
    ask(home, "Monitoring 1", judge)
    (home / "data" / "2013" / "airlines.parquet").write_bytes(b"other")
    ask(home, "Monitoring 1", judge)
    assert judge.times == 4 - ("data" not in named("Monitoring 1").needs)
    ask(home, "Data 2", judge)
    assert judge.times == 5 - ("data" not in named("Monitoring 1").needs)


def test_another_line_behind_a_gate_is_judged_anew(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    judge, other = Judging(), tmp_path / "other.py"
    ask(home, "Data 7", judge)
    other.write_text("changed = 1")
    real = sources.behind
    monkeypatch.setattr(kept_verdicts, "behind", lambda *functions: [*real(*functions), other])
    ask(home, "Data 7", judge)
    assert judge.times == 2


def test_a_kept_verdict_is_a_small_file(home: Path) -> None:
    ask(home, "Data 7", Judging())
    (file,) = (home / "kept").glob("*.json")
    assert json.loads(file.read_text()) == dataclasses.asdict(Judged("Data 7", "claim", True, "said 1", 0.1))
