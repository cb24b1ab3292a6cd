"""A project as its folder has it: settings, and what its package defines. Every function of the library takes it.

`Project`, the object of lessons and commands, is a workspace with members that delegate to the rooms above this one.
"""

import atexit
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from ..base import settings, source_code
from ..base.errors import InputError
from ..base.settings import Settings
from .definition import MONITORS, Definition, SearchSpace, not_imported, resolve_place
from .schema import Contract

OBJECT = "PROJECT"  # of the project's package


class Workspace:
    """The folder of a project, its settings, and its definition. Nothing of it is global: two work in one process."""

    def __init__(self, folder: Path, settings: Settings, definition: Definition) -> None:
        """Put a project together; `open` reads the parts from a folder."""
        self.folder, self.settings, self.definition = folder, settings, definition

    @classmethod
    def open(cls, folder: Path | None = None) -> Self:
        """The project in `folder`, or in the nearest folder above the working one that holds config.toml.

        InputError says what is missing: a project, its settings, its package, or what the package should define.
        """
        home = (folder or settings.find_home()).resolve()
        config = settings.load_settings(home)
        project = cls(home, config, definition_of(home, config.project.package))
        project.require_monitors(config.retraining.alarms)
        return project

    def require_monitors(self, names: Iterable[str]) -> None:
        """Raise InputError for a name that no monitor has: its alarm would never ring, and nobody would notice."""
        known = [*MONITORS, *self.definition.monitors]
        if unknown := [name for name in names if name not in known]:
            what = f"[retraining] alarms: no monitor is called {', '.join(map(repr, unknown))}"
            raise InputError(what, where=self.folder / settings.FILE, hint=f"there are: {', '.join(known)}")

    @property
    def as_delivered(self) -> bool:
        """Whether data, settings and code are those that the project was generated with: a lesson's figures hold."""
        return source_code.as_delivered(self.folder)

    def using(self, settings: Settings) -> Self:
        """The same project under other settings."""
        return type(self)(self.folder, settings, self.definition)

    def copied_to(self, folder: Path) -> Self:
        """The same project in another folder, a copy of this one, with the settings that stand there."""
        return type(self)(folder.resolve(), settings.load_settings(folder), self.definition)

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
        return resolve_place(self.definition.model, "model")

    @property
    def search(self) -> SearchSpace:
        """The hyperparameters that are worth a try."""
        return resolve_place(self.definition.search, "search")

    @property
    def monitors(self) -> dict[str, Callable[..., Any]]:
        """The monitors that the project adds to ours, by name."""
        return self.definition.extensions("monitors", MONITORS)

    def writing_to(self, folder: Path) -> Self:
        """The same project that keeps registry, tracking, predictions and reports in another folder."""
        places = {name: folder / name for name in ("registry", "reports", "predictions")}
        paths = self.settings.paths.model_copy(update={**places, "tracking": folder / "mlflow.db"})
        return self.using(self.settings.model_copy(update={"paths": paths}))

    def scratch(self) -> Path:
        """A new temporary folder for what is only tried out; it goes when this process ends."""
        folder = Path(tempfile.mkdtemp(prefix="roadworthy-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder


def folder_of_project() -> Path:
    """The folder of the project that holds the working folder; InputError when there is none."""
    return settings.find_home().resolve()


def definition_of(home: Path, package: str) -> Definition:
    """What the package of the project in `home` defines; InputError when it cannot be had."""
    # A project that was copied may be run in the environment of the first: that has another library.
    library, where = Path(__file__).resolve().parents[1], home / "src" / package
    _require_same(library, home / settings.VENDOR / library.name, "the library roadworthy that was imported")
    try:
        module = _imported(package, where)
    except InputError:
        raise
    except Exception as error:
        hint = "[project] package in config.toml names it; correct it, or install the project: pip install -e ."
        place = where if where.exists() else home / settings.FILE
        raise not_imported(f"the package {package!r}", error, package=package, where=place, hint=hint) from error
    definition = getattr(module, OBJECT, None)
    if not isinstance(definition, Definition):
        hint = f"its __init__.py has {OBJECT} = roadworthy.Definition(contract=…, sql=…, model=…, search=…)"
        raise InputError("defines no project, so there is no contract", where=where / "__init__.py", hint=hint)
    if not isinstance(definition.contract, Contract):
        hint = "contract.py makes one: roadworthy.Contract(tables=…, features=…, …)"
        raise InputError("has no contract", where=where / "__init__.py", hint=hint)
    return definition


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


def _require_same(imported: Path, own: Path, what: str) -> None:
    if own.is_dir() and imported.resolve() != own.resolve():
        how = f"python -m venv .venv, then pip install -e {own.parents[1]}"
        hint = f"give this project an environment of its own: {how}"
        raise InputError(f"{what} is that of another folder: {imported}", where=own, hint=hint)
