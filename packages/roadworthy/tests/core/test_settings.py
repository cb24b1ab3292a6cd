from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from roadworthy.base import settings
from roadworthy.base.errors import InputError
from roadworthy.project import Project
from sample import HOME


def changed(folder: Path, old: str, new: str) -> Path:
    """A project whose config.toml has one line changed."""
    text = (HOME / "config.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "config.toml").write_text(text.replace(old, new), encoding="utf-8")
    return folder


def test_paths_are_those_of_the_project_wherever_it_is_called_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = changed(tmp_path, "seed = 0", "seed = 0")
    (home / "notebooks").mkdir()
    monkeypatch.delenv("MLE_HOME", raising=False)
    monkeypatch.chdir(home / "notebooks")
    config = settings.load_settings()
    assert config.paths.registry == home / "registry"
    assert config.snapshot("2023").folder == home / "data" / "2023"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: no project, nor is there one above it."""
    monkeypatch.delenv("MLE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_outside_a_project_there_is_no_other_one_to_fall_back_to(nowhere: Path) -> None:
    for find in (settings.find_home, settings.load_settings, Project.open):
        with pytest.raises(InputError, match=r"holds no project, nor does a folder above it.*\n.*MLE_HOME") as error:
            find()
        assert (error.value.exit_code, error.value.where) == (2, str(nowhere))


@pytest.mark.parametrize("folder", [".", "notebooks", "src/package/deeper"])
def test_a_project_is_found_from_any_folder_inside_it(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    home = changed(nowhere, "seed = 0", "seed = 0")
    (home / folder).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(home / folder)
    assert settings.find_home() == home


def test_the_nearest_project_is_found(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = nowhere / "copies" / "one"
    inner.mkdir(parents=True)
    changed(nowhere, "seed = 0", "seed = 1")
    changed(inner, "seed = 0", "seed = 2")
    monkeypatch.chdir(inner)
    assert (settings.find_home(), settings.load_settings().model.seed) == (inner, 2)
    monkeypatch.chdir(inner.parent)
    assert (settings.find_home(), settings.load_settings().model.seed) == (nowhere, 1)


def test_mle_home_wins_over_the_working_folder(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(nowhere, "seed = 0", "seed = 1")
    monkeypatch.setenv("MLE_HOME", str(HOME))
    assert settings.find_home() == HOME
    assert settings.load_settings() == settings.load_settings(HOME) != settings.load_settings(nowhere)
    assert Project.open().folder == HOME.resolve()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed = 0", "sead = 0", "sead"),
        ("learning_rate = 0.1", "learning_rate = 3.0", "learning_rate: Input should be less than or equal to 1"),
        ("max_iter = 200", 'max_iter = "many"', "max_iter"),
        ("[split]", "[splat]", r"\[split\]: Field required"),
        ("[project]", "[projekt]", r"\[project\]: Field required; \[projekt\]: Extra inputs are not permitted"),
        ('package = "', 'package = "no package: ', r"\[project\] package: String should match pattern"),
        ("seed = 0", "seed = ", "not valid TOML"),
        ('train = ["2013-01-01", "2013-07-01"]', 'train = ["yesterday", "2013-07-01"]', "train"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        settings.load_settings(changed(tmp_path, old, new))
    assert "config.toml" in str(error.value)


def test_an_alarm_that_no_monitor_has_is_named(monkeypatch: pytest.MonkeyPatch, project: Project) -> None:
    monkeypatch.setenv("MLE_RETRAINING__ALARMS", '["auc", "base_rate"]')
    with pytest.raises(InputError, match=r"alarms: no monitor is called 'base_rate'\n  there are: volume, .*base rate"):
        Project.open(HOME)
    own = replace(project.definition, monitors={"base_rate": lambda reference, window: None})  # noqa: ARG005
    Project(HOME, project.settings, own).require_monitors(["auc", "base_rate"])


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLE_MODEL__SEED", "7")
    monkeypatch.setenv("MLE_SERVICE__HOST", "0.0.0.0")  # noqa: S104 - a value, nothing listens
    config = settings.load_settings(HOME)
    assert (config.model.seed, config.service.host) == (7, "0.0.0.0")  # noqa: S104


def test_an_unknown_variable_is_refused_like_an_unknown_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLE_MODEL__SPEED", "7")
    with pytest.raises(InputError, match="speed"):
        settings.load_settings(HOME)


def test_settings_do_not_change() -> None:
    config = settings.load_settings(HOME)
    with pytest.raises(ValidationError, match="frozen"):
        config.model.seed = 3


def test_an_unknown_snapshot_says_which_there_are() -> None:
    with pytest.raises(InputError, match="2013, 2023"):
        settings.load_settings(HOME).snapshot("1999")


def test_a_project_that_is_only_named_has_no_data_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text('# later\n[project]\npackage = "orders"\n', encoding="utf-8")
    monkeypatch.setenv("MLE_MODEL__SEED", "7")  # a variable is no data either
    with pytest.raises(InputError) as refused:
        Project.open(tmp_path)
    assert str(refused.value) == "this project has no data yet\n  roadworthy adopt FILE --target NAME"
    (tmp_path / "config.toml").write_text('[project]\npackage = "orders"\n[data]\n', encoding="utf-8")
    with pytest.raises(InputError, match="Field required"):
        Project.open(tmp_path)


def test_a_folder_that_is_no_project_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        settings.load_settings(tmp_path)
