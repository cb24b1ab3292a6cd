"""A project as its package defines it and its folder has it: what every function of the library takes.

A function may be given itself or by its place, `package.module:name`: then its module is imported only when it is used,
and what does not need scikit-learn or pandas starts without them. `Project`, the object of lessons and commands, is a
workspace with members that delegate to the rooms above this one.
"""

import atexit
import inspect
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any, Self, TypeVar, cast

from ..base import settings, source_code
from ..base.errors import InputError
from ..base.settings import Settings
from .schema import Contract

Registered = Mapping[str, Callable[..., Any] | str]
Placed = TypeVar("Placed")
# The monitors by name, each with what it claims. Settings name them; a project may not take such a name for its own.
MONITORS = {
    "volume": "there are as many predictions as in training",
    "freshness": "predictions and labels keep coming",
    "skew": "the service is given what the batch path gives",
    "drift": "features are distributed as in training",
    "relation": "features stand to each other as in training",
    "prediction": "predictions are distributed as in training",
    "nulls": "values are missing as often as in training",
    "unseen": "training has seen the categories",
    "labels": "labels arrive",
    "auc": "ranking is as good as in the test",
    "error": "errors are as small as in the test",
    "skill": "predictions are better than one constant",
    "base rate": "the mean prediction is near the base rate",
    "mean": "the mean prediction is near the mean of the labels",
    "calibration": "a probability is a frequency",
    "judged": "no monitor is without a judgement for long",
}
# Monitors that one kind of target has and the other has not.
OF_CLASSES_ALONE, OF_NUMBERS_ALONE = ("auc", "base rate"), ("error", "mean")
# The library's metrics, the fields of an `Evaluation`: a project may not take such a name for its own either.
OF_CLASSES, OF_NUMBERS = ("auc", "brier", "log_loss"), ("r2", "mae", "rmse")
INTERVALS = tuple(f"{name}{bound}" for name in (*OF_CLASSES, *OF_NUMBERS) for bound in ("", "_low", "_high"))
METRICS = ("rows", "days", "base_rate", "mean_target", "mean_prediction", *INTERVALS)
# The tests of the paper, as the room above names its gates: settings name them too.
SECTIONS = ("Data", "Model", "Infrastructure", "Monitoring")
GATES = tuple(f"{section} {number}" for section in SECTIONS for number in range(1, 8))
# The kinds of extensions, with the arguments that the library gives to a function of each kind.
EXTENSIONS: Mapping[str, tuple[str, ...]] = {
    "incidents": ("rows", "worlds", "start"),
    "sources": ("table", "folder"),
    "feature_steps": ("rows",),
    "metrics": ("labels", "probabilities"),
    "checks": ("connection",),
    "gates": ("bench",),
    "monitors": ("reference", "window"),
    "commands": (),
}
OBJECT = "PROJECT"  # of the project's package


@dataclass(frozen=True)
class SearchSpace:
    """Hyperparameters that are worth a try: `grid` for the command `tune`, `quick` ones for the gate Model 3.

    grid: what is tried of each hyperparameter, in every combination. quick: a few choices, one of which is close to the
    best wherever that is, for a gate has seconds only.

    >>> SearchSpace(grid={"max_iter": (50, 100)}, quick=({"max_iter": 50},)).grid["max_iter"]
    (50, 100)
    """

    grid: Mapping[str, tuple[float, ...]]
    quick: tuple[Mapping[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A project as its package defines it: the contract, where the SQL is, the model, and what the team adds.

    sql: the folder of features.sql, of the repairs that config.toml names, and of trace_TABLE.sql.
    model: `build(spec)` gives an unfitted estimator for the section [model] of config.toml.
    search: its search space, or where it stands.
    incidents: what may happen in production, by name: `incident(rows, worlds, start)` gives the rows that come instead.
    sources: `source(table, folder)` gives a table of a snapshot as Arrow, instead of its Parquet file.
    feature_steps: `step(rows)` gives the rows of features.sql with columns that SQL cannot make, in this order.
    metrics: `metric(labels, probabilities)` gives a figure, shown beside AUC and Brier score.
    checks: `check(connection)` gives whether the tables of an opened snapshot are sound, and the evidence.
    gates: `gate(bench)` gives whether a version may be promoted, and the evidence; its docstring is the claim.
    monitors: `monitor(reference, window)` gives a `Reading` of what the service answered.
    commands: commands of click, which get the project as their object (`click.pass_obj`).

    >>> from roadworthy import Column, Contract, SearchSpace, Table
    >>> kinds = {"session": "text", "started": "time", "day": "date", "hour": "integer"}
    >>> kinds |= {"long": "boolean", "ended": "time"}
    >>> columns = tuple(Column(name=name, kind=kind, about=name) for name, kind in kinds.items())
    >>> roles = {"key": "session", "time": "started", "day": "day", "target": "long", "known_at": "ended"}
    >>> contract = Contract(tables=(), features=Table(name="features", columns=columns, key=("session",)), **roles)
    >>> definition = Definition(
    ...     contract=contract,
    ...     sql=Path("src/charging"),
    ...     model="charging.model:build",
    ...     search=SearchSpace(grid={}, quick=()),
    ...     metrics={"share of yes": lambda labels, probabilities: float((probabilities > 0.5).mean())},
    ... )
    >>> list(definition.extensions("metrics"))
    ['share of yes']
    """

    contract: Contract
    sql: Path
    model: Callable[..., Any] | str
    search: SearchSpace | str
    incidents: Registered | str = field(default_factory=dict)
    sources: Registered = field(default_factory=dict)
    feature_steps: Registered = field(default_factory=dict)
    metrics: Registered = field(default_factory=dict)
    checks: Registered = field(default_factory=dict)
    gates: Registered = field(default_factory=dict)
    monitors: Registered = field(default_factory=dict)
    commands: Registered = field(default_factory=dict)

    def extensions(self, kind: str, taken: Collection[str] = ()) -> dict[str, Callable[..., Any]]:
        """The functions of one kind by name, imported and looked at.

        `taken` are the names that the library has itself. Raises InputError for such a name, for a place where nothing
        stands, and for a function that does not take the arguments of its kind.
        """
        registered: Registered = resolve_place(getattr(self, kind), kind)
        if double := sorted(set(registered) & set(taken)):
            what = f"the name {double[0]!r} is taken by the library"
            hint = "give it another name where the project's package registers it"
            raise InputError(what, where=f"{kind} of the project", hint=hint)
        return {name: _checked_function(kind, name, place) for name, place in registered.items()}


def resolve_place(place: Placed | str, what: str) -> Placed:
    """What stands at a place, `package.module:name`; anything else as it is. InputError when nothing stands there."""
    if not isinstance(place, str):
        return place
    module, _, name = place.partition(":")
    try:
        return cast("Placed", getattr(import_module(module), name))
    except InputError:
        raise
    except Exception as error:
        hint = "it is given as package.module:name in the __init__.py of the project's package"
        package, where = module.partition(".")[0], f"{what} of the project"
        raise not_imported(repr(place), error, package=package, where=where, hint=hint) from error


def not_imported(what: str, error: Exception, *, package: str, where: str | Path, hint: str) -> InputError:
    """An import that failed, with the line of the package that is at fault; `hint` when none is, but the name.

    The code of a project may raise anything: all of it is a mistake of the project.
    """
    lines = [
        f" ({Path(frame.f_code.co_filename).name}, line {line})"
        for frame, line in walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package
    ]
    if isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] != package:
        hint = f"install {error.name!r} in this environment, or correct the import"
    elif lines or isinstance(error, SyntaxError):
        hint = "correct it there and try again"
    # A SyntaxError names its file and line itself.
    line = "" if isinstance(error, SyntaxError) else "".join(lines[-1:])
    return InputError(f"{what} cannot be imported: {type(error).__name__}: {error}{line}", where=where, hint=hint)


def claim_of(function: Callable[..., Any]) -> str:
    """What a gate or a monitor of the project claims: the first line of its docstring, else its name."""
    return (inspect.getdoc(function) or function.__name__.replace("_", " ")).splitlines()[0].rstrip(".")


def _checked_function(kind: str, name: str, place: Callable[..., Any] | str) -> Callable[..., Any]:
    """The function, if it takes what the library gives to its kind."""
    function: Callable[..., Any] = resolve_place(place, f"{kind} {name!r}")
    where, arguments = f"{kind} {name!r} of the project", EXTENSIONS[kind]
    if not callable(function):
        raise InputError("is no function", where=where, hint=f"it takes ({', '.join(arguments)})")
    if kind == "commands":  # called by click, which knows its parameters
        return function
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        hint = f"a function of this kind takes ({', '.join(arguments)})"
        raise InputError(f"has other arguments: {error}", where=where, hint=hint) from error
    return function


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
        gates = [*GATES, *project.definition.gates]
        project._require_known("[gates.waived]", "gate", config.gates.waived, gates)
        project.require_settings_of_problem()
        return project

    def require_monitors(self, names: Iterable[str]) -> None:
        """Raise InputError for a name that no monitor has: its alarm would never ring, and nobody would notice."""
        self._require_known("[retraining] alarms", "monitor", names, [*MONITORS, *self.definition.monitors])

    def require_settings_of_problem(self) -> None:
        """Raise InputError for a threshold that is missing or means nothing, and for limits of the other problem."""
        model, tests, numbers = self.settings.model, self.settings.tests, self.contract.regression
        of_classes, of_numbers = ("min_auc_slice", "max_auc_alone"), ("min_r2_slice", "max_r2_alone")
        own, foreign = (of_numbers, of_classes) if numbers else (of_classes, of_numbers)
        named = [f"[tests] {name}" for name in foreign if getattr(tests, name) is not None]
        named += ["[model] threshold"] if numbers and model.threshold is not None else []
        alarms = self.settings.retraining.alarms if "alarms" in self.settings.retraining.model_fields_set else ()
        others = [name for name in alarms if name in (OF_CLASSES_ALONE if numbers else OF_NUMBERS_ALONE)]
        named += [f"[retraining] alarms {name!r}" for name in others]
        where = self.folder / settings.FILE
        if named:
            what = f"{', '.join(named)} means nothing, for the target is {'a number' if numbers else 'yes or no'}"
            instead = f"in [tests] there are {' and '.join(own)}"
            alarm = f"; monitors are {', '.join(OF_NUMBERS_ALONE if numbers else OF_CLASSES_ALONE)}" if others else ""
            raise InputError(what, where=where, hint=f"leave it out; {instead}{alarm}")
        if not numbers and model.threshold is None:
            hint = "give the probability from which on the answer is yes; a number needs problem='regression'"
            raise InputError("[model] threshold: Field required", where=where, hint=hint)

    def _require_known(self, key: str, kind: str, names: Iterable[str], known: Collection[str]) -> None:
        if unknown := [name for name in names if name not in known]:
            what = f"{key}: no {kind} is called {', '.join(map(repr, unknown))}"
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
    def metrics(self) -> dict[str, Callable[..., float]]:
        """The metrics that the project adds to ours, by name."""
        return self.definition.extensions("metrics", METRICS)

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
