"""What a team writes about its data and its model, as its package hands it to the library.

A function may be given itself or by its place, `package.module:name`: then its module is imported only when it is used,
and what does not need scikit-learn or pandas starts without them.
"""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from typing import Any, TypeVar, cast

from ..base.errors import InputError
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
    "skill": "predictions are better than one constant",
    "base rate": "the mean prediction is near the base rate",
    "calibration": "a probability is a frequency",
}
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

    >>> from roadworthy import Contract, SearchSpace, Table
    >>> roles = {"key": "session", "time": "started", "day": "day", "target": "long", "known_at": "ended"}
    >>> contract = Contract(tables=(), features=Table(name="features", columns=(), key=("session",)), **roles)
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
