"""The locked requirements: complete, hashed, from no particular host, and as new as they must be."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
from machine import REPOSITORY, TEMPLATE
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PARTS = ("requirements", "requirements-service", "requirements-exercises")
TESTS = REPOSITORY / "packages" / "requirements-tests.txt"
LOCKS = [REPOSITORY / "requirements-dev.txt", TESTS, *(TEMPLATE / f"{part}.txt" for part in PARTS)]
SOURCES = [REPOSITORY / "packages" / "roadworthy" / "src", REPOSITORY / "packages" / "roadworthy-course" / "src"]
FLOORS = {
    "duckdb": "2",
    "jupyterlab": "4.6",
    "mlflow": "3.17",
    "numpy": "2",
    "pandas": "3",
    "pandera": "0.30",
    "papermill": "2.7",
    "pydantic": "2",
    "scikit-learn": "1.9",
}
CEILINGS = {"numpy": "2.5", "scipy": "1.18"}
NOT_IN_THE_SERVICE = {"mlflow", "pandas", "pandera", "papermill", "pyarrow", "scikit-learn", "scipy", "onnx"}


def pins(lock: Path) -> list[Requirement]:
    """Every pinned requirement of a lock, with its markers."""
    lines = re.findall(r"^([A-Za-z0-9].*?) \\$", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return [Requirement(line) for line in lines]


def versions(lock: Path) -> dict[str, list[Version]]:
    """Versions of each package in a lock; more than one where the systems need different ones."""
    found: dict[str, list[Version]] = {}
    for pin in pins(lock):
        found.setdefault(canonicalize_name(pin.name), []).append(Version(str(pin.specifier).removeprefix("==")))
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_package_is_pinned_with_hashes(lock: Path) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^#.*\n", "", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert len(blocks) >= (1 if lock.stem.endswith("exercises") else 20)
    for block in blocks:
        assert re.match(r"[A-Za-z0-9._-]+==[^ ]+ ", block), block
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_no_lock_names_a_host(lock: Path) -> None:
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted", lock.read_text(encoding="utf-8"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_wish_is_granted_in_its_lock(lock: Path) -> None:
    granted = versions(lock)
    for line in lock.with_suffix(".in").read_text(encoding="utf-8").splitlines():
        if wish := line.partition("  #")[0].strip().removeprefix("-c requirements.txt").partition("# ")[0]:
            requirement = Requirement(wish)
            assert all(v in requirement.specifier for v in granted[canonicalize_name(requirement.name)]), line


@pytest.mark.parametrize("package", FLOORS)
def test_a_package_is_not_older_than_what_the_project_was_written_for(package: str) -> None:
    assert min(versions(TEMPLATE / "requirements.txt")[package]) >= Version(FLOORS[package])


@pytest.mark.parametrize("package", CEILINGS)
def test_a_package_is_older_than_the_version_known_to_fail(package: str) -> None:
    assert max(versions(TEMPLATE / "requirements.txt")[package]) < Version(CEILINGS[package])


def test_the_service_has_the_versions_of_the_project_and_no_training_packages() -> None:
    service, project = (versions(TEMPLATE / f"requirements{name}.txt") for name in ("-service", ""))
    assert service.items() <= project.items()
    assert service.keys().isdisjoint(NOT_IN_THE_SERVICE)


def test_both_environments_lint_and_test_with_the_same_tools() -> None:
    ours, theirs = versions(REPOSITORY / "requirements-dev.txt"), versions(TEMPLATE / "requirements.txt")
    # Not pytest: the tests here are shared out by groups, which its 9.2 loses (see requirements-dev.in).
    for tool in ("ruff", "mypy", "pytest-xdist"):
        assert ours[tool] == theirs[tool]


def test_the_tests_of_the_packages_run_with_the_versions_of_a_project() -> None:
    project, tests = versions(TEMPLATE / "requirements.txt"), versions(TESTS)
    assert {name: found for name, found in tests.items() if name in project and project[name] != found} == {}
    assert tests["hypothesis"] == versions(REPOSITORY / "requirements-dev.txt")["hypothesis"]


DISTRIBUTIONS = {"IPython": "ipython", "sklearn": "scikit-learn", "xgboost": "xgboost-cpu", "yaml": "pyyaml"}
ONLINE = "__main__ access app asgi canary client predictor request rollout server shadow tensors workers"
SERVED = [f"serving/{name}.py" for name in ONLINE.split()]
SERVED += ["base/errors.py", "base/files.py", "base/settings.py", "bundle/bundle.py", "bundle/signature.py"]
SERVED += ["monitoring/log.py", "monitoring/log_stores.py", "registry/registry.py"]
LATER = {"httpx", "pandas"}  # imported in functions that the service does not call


def imported(folder: Path, *, at_once: bool = False) -> set[str]:
    """Distributions of other people's packages that a file or a folder's files import; `at_once`: when loaded."""
    modules: set[str] = set()
    for file in [folder] if folder.is_file() else folder.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in tree.body if at_once else ast.walk(tree):
            if isinstance(node, ast.Import):
                modules |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules.add(str(node.module).partition(".")[0])
    return {DISTRIBUTIONS.get(module, module.replace("_", "-")) for module in modules - sys.stdlib_module_names}


def wished(file: Path) -> set[str]:
    """Distributions that a file of requirements names itself."""
    return {canonicalize_name(found) for found in re.findall(r"^[\w-]+", file.read_text("utf-8"), re.MULTILINE)}


def own(*folders: Path) -> set[str]:
    """Names by which our own modules are imported."""
    modules = {path.stem.replace("_", "-") for folder in folders for path in folder.rglob("*.py")}
    return {"roadworthy", "roadworthy-course", *modules}


@pytest.mark.parametrize("folder", [*SOURCES, TEMPLATE / "src", TEMPLATE / "tests", TEMPLATE / "data"], ids=str)
def test_a_package_that_is_imported_is_asked_for_by_name(folder: Path) -> None:
    assert imported(folder) - own(TEMPLATE / "tests") <= wished(TEMPLATE / "requirements.in")


def test_what_the_tests_of_the_packages_import_is_asked_for_by_name() -> None:
    folders = [source.with_name("tests") for source in SOURCES] + [REPOSITORY / "tests" / "generated"]
    known = wished(TEMPLATE / "requirements.in") | wished(TESTS.with_suffix(".in"))
    template = REPOSITORY / "template"
    assert set().union(*map(imported, folders)) - own(*folders) - {file.stem for file in template.glob("*.py")} <= known


@pytest.mark.parametrize("extra", ["serve", "train", "notebooks", "cluster"])
def test_the_extras_of_the_library_ask_for_what_a_project_asks_for(extra: str) -> None:
    project = tomllib.loads((SOURCES[0].parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (TEMPLATE / "requirements.in").read_text(encoding="utf-8").splitlines()
    wishes = {Requirement(line.partition("  #")[0]) for line in lines if re.match(r"\w", line)}
    asked = {Requirement(text) for text in project["optional-dependencies"][extra]}
    assert {str(each) for each in asked if each.name != "roadworthy"} <= {str(each) for each in wishes}


def test_the_service_imports_only_what_its_lock_holds() -> None:
    package = SOURCES[0] / "roadworthy"
    assert all((package / name).is_file() for name in SERVED)
    assert not LATER & set().union(*(imported(package / name, at_once=True) for name in SERVED))
    needed = set().union(*(imported(package / name) for name in SERVED)) - LATER
    assert needed <= {canonicalize_name(name) for name in versions(TEMPLATE / "requirements-service.txt")}
