"""A learner in the middle of the course gets a corrected check, by `upgrade` and by cruft, and loses nothing."""

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import install
from machine import COMMANDS, REPOSITORY, git, known_files, run
from test_exercises import MASTERS

CRUFT = COMMANDS / "cruft"
CHECK = Path("packages", "roadworthy-course", "src", "roadworthy_course", "questions", "check_01.py")
FIXED = '"""The visible checks of exercise 01, corrected'
CODE = "from roadworthy_course import here; print((here.questions(here.folder()) / 'check_01.py').read_text()[:60])"


def repository_of(folder: Path) -> Path:
    """A clone of this repository, uncommitted changes included, that a test may change."""
    for name in known_files(REPOSITORY):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, target)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    """Commit everything."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=all")


def worked_on(project: Path) -> dict[str, str]:
    """Do what a learner does by the middle of the course; the texts of what is theirs."""
    name = MASTERS[0].stem
    exercise = json.loads((project / "exercises" / f"{name}.ipynb").read_text(encoding="utf-8"))
    for cell in exercise["cells"]:
        if cell["metadata"].get("question") == "q1":
            cell["source"] = 'q1 = "select 42"  # mine'
    (project / "exercises" / f"{name}.ipynb").write_text(json.dumps(exercise, indent=1), encoding="utf-8")
    (project / "exercises" / "progress.json").write_text('{"01": {"q1": {"passed": true}}}', encoding="utf-8")
    lesson = json.loads((project / "notebooks" / "01_data_checks.ipynb").read_text(encoding="utf-8"))
    lesson["cells"].insert(3, {"cell_type": "markdown", "id": "mine", "metadata": {}, "source": ["My own note."]})
    text = json.dumps(lesson, indent=1, ensure_ascii=False) + "\n"
    (project / "notebooks" / "01_data_checks.ipynb").write_text(text, encoding="utf-8")
    for file, old, new in (
        ("src/flight_delays/contract.py", 'about="of the plane"', 'about="of the plane, as registered"'),
        ("config.toml", "max_iter = 200", "max_iter = 150"),
    ):
        content = (project / file).read_text(encoding="utf-8")
        assert old in content
        (project / file).write_text(content.replace(old, new), encoding="utf-8")
    mine = [f"exercises/{name}.ipynb", "exercises/progress.json", "notebooks/01_data_checks.ipynb"]
    mine += ["src/flight_delays/contract.py", "config.toml"]
    return {name: (project / name).read_text(encoding="utf-8") for name in mine}


def correct(repository: Path) -> None:
    """Correct a check of the course, and give it a new version."""
    text = (repository / CHECK).read_text(encoding="utf-8")
    (repository / CHECK).write_text(re.sub(r'\A"""The visible checks of exercise 01', FIXED, text), encoding="utf-8")
    init = (repository / CHECK).parents[1] / "__init__.py"
    version = re.sub(r'__version__ = ".*"', '__version__ = "99.0"', init.read_text(encoding="utf-8"))
    init.write_text(version, encoding="utf-8")


def by_upgrade(project: Path, repository: Path, commands: Path) -> None:
    """As an instructor hands it out: one file, one command."""
    release = repository.parent / "release.zip"
    code = "import sys; sys.path.insert(0, 'template'); import vendoring; from pathlib import Path; "
    code += "Path(sys.argv[1]).mkdir(); vendoring.vendor(Path(), Path(sys.argv[1]))"
    folder = repository.parent / "release"
    run(commands / "python", "-c", code, folder, cwd=repository)
    with zipfile.ZipFile(release, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder.parent).as_posix())
    said = run(commands / "roadworthy", "upgrade", release, cwd=project, minutes=15)
    assert "-> 99.0" in said.stdout
    assert "The tests are green" in said.stderr


def by_cruft(project: Path, repository: Path, commands: Path) -> None:
    """As somebody who has git and the template's address does it."""
    del commands
    commit(repository)
    run(CRUFT, "update", "--skip-apply-ask", cwd=project, HOME=str(repository.parent / "home"))
    assert git(project, "diff", "--name-only", "--diff-filter=U") == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(by_upgrade, id="upgrade", marks=pytest.mark.xdist_group("upgrade")),
        pytest.param(by_cruft, id="cruft"),
    ],
)
def test_a_corrected_check_arrives_and_nothing_of_the_learner_is_lost(
    way: Callable[[Path, Path, Path], None], tmp_path: Path
) -> None:
    repository = repository_of(tmp_path / "cookiecutter-mle")
    options = ["--directory", "template", "--no-input", "--default-config"]
    run(CRUFT, "create", repository, *options, cwd=tmp_path, HOME=str(tmp_path / "home"))
    project = tmp_path / "flight-delays"
    commands = install(project, "3.11")
    assert FIXED not in run(commands / "python", "-c", CODE, cwd=project).stdout
    git(project, "init", "--quiet", "--initial-branch=main")
    mine = worked_on(project)
    commit(project)
    correct(repository)
    way(project, repository, commands)
    assert {name: (project / name).read_text(encoding="utf-8") for name in mine} == mine
    assert FIXED in run(commands / "python", "-c", CODE, cwd=project).stdout
    assert "roadworthy_course 99.0" in run(commands / "roadworthy", "vendor", "verify", cwd=project).stderr
    checked = run(commands / "roadworthy", "exercise", "check", "01", cwd=project, code=1, minutes=5)
    assert "q1: not yet" in checked.stdout
    assert not list(project.rglob("*.rej"))
