"""Generated projects at work: their own lint, types, tests, stored outputs and runs, in the locked environments."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from answers import dependencies, taken_fault
from configurations import CONFIGURATIONS
from conftest import Generate
from environments import UV, install
from installed_projects import MAIN, NO_DATA, OTHER, Installed, grouped
from machine import git, run

pytestmark = pytest.mark.slow


FEATURE = {
    # After which text of which file of the project what is added: a feature as the README says.
    "features.sql": ("    f.distance,\n", "    (isodow(f.date) >= 6)::integer as weekend,\n"),
    "contract.py": (
        "        DISTANCE,\n        *(seen_weather(column) for column in WEATHER),\n",
        '        Column(name="weekend", kind="integer", about="1 on Saturday and Sunday", low=0, high=1),\n',
    ),
    "config.toml": ('"weekday", "distance",', ' "weekend",'),
}
STAYS = 'weekend = "tried: people ask for it; weekday says the same to the trees"\n'


@grouped(MAIN[0])
def test_the_steps_of_the_readme_lead_from_a_new_feature_to_a_promoted_version(
    configuration: str, version: str, generate: Generate
) -> None:
    folder = generate(CONFIGURATIONS[configuration])
    commands = install(folder, version)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=all")
    (package,) = (path.parent for path in folder.glob("src/*/features.sql"))
    for name, (place, text) in FEATURE.items():
        file = (folder if name == "config.toml" else package) / name
        content = file.read_text(encoding="utf-8")
        assert content.count(place) == 1, name
        file.write_text(content.replace(place, place + text), encoding="utf-8")
    config = folder / "config.toml"
    kept = "[gates.kept]                      # features without a measurable contribution that stay, and why\n"
    config.write_text(config.read_text(encoding="utf-8").replace(kept, kept + STAYS), encoding="utf-8")
    examples = folder / "tests" / "feature_examples" / "expected.csv"
    rows = [line.split(",") for line in examples.read_text(encoding="utf-8").splitlines()]
    added = ["weekend", *(str(int(int(row[rows[0].index("weekday")]) >= 6)) for row in rows[1:])]
    examples.write_text("".join(",".join([*row, new]) + "\n" for row, new in zip(rows, added, strict=True)), "utf-8")
    readme = (folder / "README.md").read_text(encoding="utf-8")
    steps = re.search(r"```\n(git commit .*?)```", readme, re.DOTALL)
    assert steps
    number = "0"
    for line in steps[1].splitlines():
        words = shlex.split(line.replace(" N", f" {number}"))
        if words[0] == "git":
            git(folder, *words[1:])
            continue
        # Storing all of the lessons takes minutes, and is what `make lessons` does; here two of them.
        words += ["00", "02"] if words[1] == "store" else []
        said = run(commands / words[0], *words[1:], cwd=folder, minutes=15).stderr
        number = (re.findall(r"^Version (\d+):", said, re.MULTILINE) or [number])[0]
    aliases = json.loads((folder / "registry" / "aliases.json").read_text(encoding="utf-8"))
    assert aliases["champion"] == int(number) == 1
    signature = folder / "registry" / "versions" / number / "signature.json"
    assert "weekend" in signature.read_text(encoding="utf-8")


@grouped(*MAIN)
def test_the_linter_and_the_formatter_find_nothing(configuration: str, version: str, installed: Installed) -> None:
    project = installed(configuration, version)
    project.run("ruff", "check", "--no-cache")
    project.run("ruff", "format", "--check", "--no-cache")


@grouped(*MAIN)
def test_the_types_agree(configuration: str, version: str, installed: Installed) -> None:
    assert "no issues found" in installed(configuration, version).run("mypy")


@grouped(*MAIN, *OTHER)
def test_its_own_tests_pass(configuration: str, version: str, installed: Installed) -> None:
    # The drill needs minutes, and depends neither on the names nor on the Python: once is enough.
    words = ["-q", "-p", "no:cacheprovider", "-m", "not slow"]
    told = installed(configuration, version).run("pytest", *words, minutes=20)
    assert " passed" in told
    assert " skipped" not in told


@grouped(MAIN[1])
def test_all_lessons_run_with_settings_of_ones_own(configuration: str, version: str, installed: Installed) -> None:
    project = installed(configuration, version)
    config = project.folder / "config.toml"
    text = config.read_text(encoding="utf-8")
    assert "max_iter = 200" in text
    config.write_text(text.replace("max_iter = 200", "max_iter = 160"), encoding="utf-8")
    try:
        project.run("roadworthy", "run", minutes=15)
    finally:
        config.write_text(text, encoding="utf-8")
    assert_complete(project.folder)


@grouped(NO_DATA)
def test_a_project_without_data_is_in_order_and_says_how_to_begin(
    configuration: str, version: str, installed: Installed
) -> None:
    project = installed(configuration, version)
    project.run("ruff", "check", "--no-cache")
    project.run("ruff", "format", "--check", "--no-cache")
    assert "no issues found" in project.run("mypy")
    told = project.run("pytest", "-q", "-rs", "-p", "no:cacheprovider")
    reasons = set(re.findall(r"^SKIPPED \[\d+\] \S+: (.*)$", told, re.MULTILINE))
    assert reasons == {"this project has no data yet: roadworthy adopt FILE --target NAME"}
    assert re.search(r"^\d+ skipped in ", told, re.MULTILINE)
    for words in (["train"], ["run"], ["score", "in.parquet", "out.parquet"], ["of-our-own"]):
        done = run(project.commands / "roadworthy", *words, cwd=project.folder, code=2)
        assert done.stderr == "this project has no data yet\n  roadworthy adopt FILE --target NAME\n"


@pytest.mark.xdist_group("demo")
def test_make_demo_leads_from_a_clone_to_a_report(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    cache = run(UV, "cache", "dir", cwd=tmp_path).stdout.strip()
    settings: dict[str, Any] = {"HOME": str(tmp_path / "home"), "UV_CACHE_DIR": cache, "PYTHONDONTWRITEBYTECODE": "1"}
    told = run("make", "demo", cwd=tmp_path / "clone", minutes=15, **settings).stdout
    assert "Installing the packages of build/flight-delays" in told
    assert re.search(r"the report in build/flight-delays/runs/.+/index\.html$", told, re.MULTILINE)
    assert_complete(tmp_path / "clone" / "build" / "flight-delays")
    assert list((tmp_path / "clone" / "build" / "flight-delays" / ".venv").rglob("pandas/__pycache__/*.pyc"))
    again = run("make", "project", cwd=tmp_path / "clone", **settings, UV_OFFLINE="1", PIP_NO_INDEX="1")
    assert "Installing" not in again.stdout


def assert_complete(folder: Path) -> None:
    """Fail unless the project in `folder` has one run, with every lesson and an index."""
    (made,) = (path for path in (folder / "runs").iterdir() if path.is_dir())
    lessons = {path.stem for path in (folder / "notebooks").glob("*.ipynb")}
    assert {path.stem for path in made.rglob("*.ipynb")} >= lessons
    assert (made / "index.html").exists()


@grouped(*OTHER)
def test_the_first_lessons_run(configuration: str, version: str, installed: Installed) -> None:
    project = installed(configuration, version)
    project.run("roadworthy", "run", "01_data_checks")


@grouped(MAIN[0])
def test_no_installed_module_can_be_the_name_of_a_project(
    configuration: str, version: str, installed: Installed
) -> None:
    code = "import importlib.metadata as m, json; print(json.dumps(m.packages_distributions()))"
    found: dict[str, list[str]] = json.loads(installed(configuration, version).run("python", "-c", code))
    locked = {
        name for name, sources in found.items() if {re.sub("[-.]", "_", s).lower() for s in sources} & dependencies()
    }
    assert "sklearn" in locked
    assert {name for name in locked if re.fullmatch("[a-z][a-z0-9_]*", name) and not taken_fault(name)} == set()


@grouped(MAIN[0])
def test_every_command_of_the_readme_exists(configuration: str, version: str, installed: Installed) -> None:
    project = installed(configuration, version)
    readme = (project.folder / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`roadworthy ([a-z][a-z-]*)`", readme))
    offered = set(re.findall(r"^  ([a-z-]+)  ", project.run("roadworthy", "--help"), re.MULTILINE))
    assert named == offered
