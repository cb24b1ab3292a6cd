"""The project as one object: its folder, its settings and what its package defines. Everything takes it as an argument.

Members have the names of the commands and delegate to the module that does the work.
"""

import atexit
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import cached_property
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from . import delivered, members
from . import settings as settings_file
from .definition import Definition, SearchSpace, not_imported, resolved
from .errors import InputError
from .monitoring.claims import CLAIMS
from .schema import Contract
from .settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from .data_checks import Report
    from .decisions import Record
    from .evaluation import Evaluation
    from .gates import Verdict
    from .monitoring.watch import Watched
    from .registry import Registry
    from .scoring import Summary
    from .steps import Release

OBJECT = "PROJECT"  # of the project's package


class Project:
    """A project: `Project.open()` is the one that holds the working folder. Nothing of it is global.

    In a project's folder:

    >>> project = Project.open()
    >>> project.contract.key in project.contract.features.names
    True
    >>> project.settings.project.package == project.definition.sql.name
    True
    """

    def __init__(self, folder: Path, settings: Settings, definition: Definition) -> None:
        """Put a project together; `Project.open` reads the parts from a folder."""
        self.folder, self.settings, self.definition = folder, settings, definition

    @classmethod
    def open(cls, folder: Path | None = None) -> "Project":
        """The project in `folder`, or in the nearest folder above the working one that holds config.toml.

        InputError says what is missing: a project, its settings, its package, or what the package should define.
        """
        home = (folder or settings_file.find_home()).resolve()
        read = settings_file.load(home)
        opened = cls(home, read, definition_of(home, read.project.package))
        opened.require_monitors(read.retraining.alarms)
        return opened

    def require_monitors(self, names: Iterable[str]) -> None:
        """Raise InputError for a name that no monitor has: its alarm would never ring, and nobody would notice."""
        known = [*CLAIMS, *self.definition.monitors]
        if unknown := [name for name in names if name not in known]:
            what = f"[retraining] alarms: no monitor is called {', '.join(map(repr, unknown))}"
            raise InputError(what, where=self.folder / settings_file.FILE, hint=f"there are: {', '.join(known)}")

    @property
    def as_delivered(self) -> bool:
        """Whether data, settings and code are those that the project was generated with: a lesson's figures hold."""
        return delivered.as_delivered(self.folder)

    def using(self, settings: Settings) -> "Project":
        """The same project under other settings."""
        return Project(self.folder, settings, self.definition)

    def copied_to(self, folder: Path) -> "Project":
        """The same project in another folder, a copy of this one, with the settings that stand there."""
        return Project(folder.resolve(), settings_file.load(folder), self.definition)

    @property
    def contract(self) -> Contract:
        """What the data must look like."""
        return self.definition.contract

    def sql(self, name: str) -> str:
        """The text of an SQL file of the project's package; InputError when there is none."""
        file = self.definition.sql / name
        try:
            return file.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise InputError("no such file", where=file, hint="restore it from version control") from error

    @property
    def build(self) -> Callable[..., Any]:
        """What makes an unfitted estimator of the section [model] of the settings."""
        found: Callable[..., Any] = resolved(self.definition.model, "model")
        return found

    @property
    def search(self) -> SearchSpace:
        """The hyperparameters that are worth a try."""
        found: SearchSpace = resolved(self.definition.search, "search")
        return found

    @property
    def metrics(self) -> dict[str, Callable[..., float]]:
        """The metrics that the project adds to ours, by name."""
        from .evaluation import METRICS

        return self.definition.extensions("metrics", METRICS)

    @property
    def monitors(self) -> dict[str, Callable[..., Any]]:
        """The monitors that the project adds to ours, by name."""
        return self.definition.extensions("monitors", CLAIMS)

    def writing_to(self, folder: Path) -> "Project":
        """The same project that keeps registry, tracking, predictions and reports in another folder."""
        places = {name: folder / name for name in ("registry", "reports", "predictions")}
        paths = self.settings.paths.model_copy(update={**places, "tracking": folder / "mlflow.db"})
        return self.using(self.settings.model_copy(update={"paths": paths}))

    def scratch(self) -> Path:
        """A new temporary folder for what is only tried out; it goes when this process ends."""
        folder = Path(tempfile.mkdtemp(prefix="roadworthy-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder

    @cached_property
    def data(self) -> members.Data:
        """Snapshots, features and splits."""
        return members.Data(self)

    @cached_property
    def model(self) -> members.Models:
        """Fitted models and the versions made of them."""
        return members.Models(self)

    @cached_property
    def gates(self) -> members.Gates:
        """The 28 gates of the ML Test Score and those of the project."""
        return members.Gates(self)

    @cached_property
    def drills(self) -> members.Drills:
        """Faults to plant in a copy of the project."""
        return members.Drills(self)

    @cached_property
    def service(self) -> members.Services:
        """The online service."""
        return members.Services(self)

    @cached_property
    def monitoring(self) -> members.Monitoring:
        """Windows of predictions, read by the monitors."""
        return members.Monitoring(self)

    @cached_property
    def retraining(self) -> members.Retraining:
        """Challengers and the decisions about them."""
        return members.Retraining(self)

    @cached_property
    def registry(self) -> "Registry":
        """Versions and aliases: `list`, `promote`, `rollback`."""
        from .registry import Registry

        return Registry(self.settings.paths.registry)

    def check(self, snapshot: str = "") -> "Report":
        """Hold a snapshot, the default one without a name, against the contract."""
        from . import data_checks

        limit = self.settings.data.checks.max_quarantined
        return data_checks.check_snapshot(self, self.data.connect(snapshot), max_quarantined=limit)

    def train(self) -> "Release":
        """Check, train, evaluate, test, export, register and track a model; its version, promoted or not."""
        from . import steps

        return steps.train(self)

    def evaluate(self, version: int | str = "champion") -> "tuple[Evaluation, pd.DataFrame]":
        """How a version does on the test period, and on its slices."""
        from . import steps

        return steps.evaluate(self, version)

    def test_model(self, version: int | str = "champion") -> "list[Verdict]":
        """The model tests, run again on a version."""
        from . import steps

        return steps.try_again(self, version)

    def trace(self, key: str, version: int | str = "champion", snapshot: str = "") -> dict[str, Any]:
        """One prediction in all its steps, from its raw rows to its probability."""
        from . import tracing

        return tracing.steps(self, self.data.connect(snapshot), self.registry.bundle(version), key)

    def score(self, source: Path, target: Path, version: int | str = "champion", **options: Any) -> "Summary":
        """Score the rows of a file in constant memory; bad rows go to quarantine."""
        from . import scoring

        return scoring.score(self.registry.bundle(version), source, target, **options)

    def monitor(self, **options: Any) -> "Watched":
        """Watch the champion by its prediction log; `options` are those of `watch.monitor`, such as now and days."""
        from .monitoring import watch

        given = {"monitors": self.monitors, **options}
        return watch.monitor(self.registry.path(), self.settings.paths.predictions, **given)

    def retrain(self, why: str = "by hand") -> "Record":
        """Decide about a challenger made by [retraining]; promoted only if every verdict is green."""
        from . import challenge

        return challenge.retrain(self, why=why)


def folder_of_project() -> Path:
    """The folder of the project that holds the working folder; InputError when there is none."""
    return settings_file.find_home().resolve()


def definition_of(home: Path, package: str) -> Definition:
    """What the package of the project in `home` defines; InputError when it cannot be had."""
    _require_own_library(home)
    where = home / "src" / package
    try:
        module = _imported(package, where)
    except InputError:
        raise
    except Exception as error:
        hint = "[project] package in config.toml names it; correct it, or install the project: pip install -e ."
        place = where if where.exists() else home / settings_file.FILE
        raise not_imported(f"the package {package!r}", error, package=package, where=place, hint=hint) from error
    found = getattr(module, OBJECT, None)
    if not isinstance(found, Definition):
        hint = f"its __init__.py has {OBJECT} = roadworthy.Definition(contract=…, sql=…, model=…, search=…)"
        raise InputError("defines no project, so there is no contract", where=where / "__init__.py", hint=hint)
    if not isinstance(found.contract, Contract):
        hint = "contract.py makes one: roadworthy.Contract(tables=…, features=…, …)"
        raise InputError("has no contract", where=where / "__init__.py", hint=hint)
    return found


def _imported(package: str, where: Path) -> ModuleType:
    """The package from the project's own folder, or as it is installed where the project has no source (an image)."""
    known = sys.modules.get(package)
    if known is not None and known.__file__:  # a folder without __init__.py has no file
        _require_same(Path(str(known.__file__)).parent, where, f"the package {package!r} that was imported")
        return known
    if not (where / "__init__.py").is_file():
        return import_module(package)
    spec = spec_from_file_location(package, where / "__init__.py", submodule_search_locations=[str(where)])
    assert spec  # noqa: S101 - the file is there
    assert spec.loader  # noqa: S101
    module = module_from_spec(spec)
    sys.modules[package] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        # Nothing of it stays, so that it can be corrected and opened again in a notebook.
        for name in [each for each in sys.modules if each.partition(".")[0] == package]:
            del sys.modules[name]
        raise
    return module


def _require_own_library(home: Path) -> None:
    """Refuse the library of another project: a project was copied, and is run in the environment of the first."""
    here = Path(__file__).resolve().parent
    _require_same(here, home / settings_file.VENDOR / here.name, "the library roadworthy that was imported")


def _require_same(imported: Path, own: Path, what: str) -> None:
    if own.is_dir() and imported.resolve() != own.resolve():
        hint = (
            f"give this project an environment of its own: python -m venv .venv, then pip install -e {own.parents[1]}"
        )
        raise InputError(f"{what} is that of another folder: {imported}", where=own, hint=hint)
