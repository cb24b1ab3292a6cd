"""The library's own source: what a function depends on, what a step does, and what was edited in vendor/.

Results that are kept are kept by the sum of the code behind them. A project holds the library in vendor/ with the sums
of its release; an edit there is a warning, and red at gates and promotion until it is accepted with a reason.
"""

import ast
import hashlib
import inspect
import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Literal

from .errors import InputError
from .files import file_sha256, write_atomic
from .settings import VENDOR

PACKAGE = __name__.split(".")[0]
FACE = Path(__file__).resolve().parents[1] / "__init__.py"  # hands on names of all rooms, each when it is asked for
RELEASED = "released.json"
ACCEPTED = "accepted.json"
BEFORE = "vendor.before"  # the library of before, while an upgrade is tried
WRITTEN_BY_PYTHON = {"__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache"}
HINT = "see `roadworthy vendor verify`; put it back, or accept it: roadworthy vendor accept --reason …"
FILE = Path("notebooks", "delivered.json")


def files_behind(*functions: Callable[..., Any]) -> list[Path]:
    """The Python files that functions (or classes) reach through what they name, in order."""
    named = {module for function in functions for module in _named(function)}
    files = {_file(function.__module__) for function in functions} | {
        f for module in named for f in _closure(_file(module))
    }
    return sorted(files)


def code_of(function: Callable[..., Any]) -> str:
    """A sum over the code of the file in which a function stands, without its comments, and over what it is given.

    The files of its own package that this one imports count too. Of a function that was written in a notebook the sum
    is over itself. InputError when its source cannot be read.
    """
    given = ""
    while isinstance(function, partial):
        given += repr((function.args, sorted(function.keywords.items())))
        function = function.func
    written: Any = inspect.unwrap(function)
    written = written if hasattr(written, "__code__") else type(written)
    try:
        file = Path(inspect.getfile(written))
        files = sorted(_closure(file.resolve())) if file.is_file() else []
        texts = [each.read_text(encoding="utf-8") for each in files] or [textwrap.dedent(inspect.getsource(written))]
    except (OSError, TypeError) as error:
        hint = "define it in a module of the project's package: a model remembers the code that it is made by"
        raise InputError("its source cannot be read", where=written.__qualname__, hint=hint) from error
    code = "".join(ast.dump(ast.parse(text)) for text in texts)
    return hashlib.sha256((code + given).encode()).hexdigest()


def _named(function: Callable[..., Any]) -> set[str]:
    """The modules of the package from which the names in a function's code come."""
    if isinstance(function, type):
        return {function.__module__}
    space, waiting = function.__globals__, _names(function.__code__)
    found: set[str] = set()
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in space:
            continue
        seen.add(name)
        value = space[name]
        if isinstance(value, ModuleType):
            found.add(value.__name__)
        elif getattr(value, "__module__", None) == function.__module__:
            waiting += _names(value.__code__) if hasattr(value, "__code__") else []
        else:
            found.add(getattr(value, "__module__", "") or "")
    return {name for name in found if name.split(".")[0] == PACKAGE}


def _names(code: CodeType) -> list[str]:
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in _names(const)]
    return [*code.co_names, *inner]


def _file(module: str) -> Path:
    return Path(str(sys.modules[module].__file__)).resolve()


@cache
def _closure(file: Path) -> frozenset[Path]:
    found, waiting = set(), [file]
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting += _imports(at)
    return frozenset(found)


@cache
def _imports(file: Path) -> frozenset[Path]:
    """The files of the package that a file imports, at its top or inside its functions."""
    folder, tree = file.parent, ast.parse(file.read_text(encoding="utf-8"))
    found: set[Path] = set()
    for node in tree.body if file == FACE else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folder.joinpath(*[".."] * (node.level - 1)).joinpath(*(node.module or "").split("."))
            found |= {_source(base), *(_source(base / alias.name) for alias in node.names)} - {None}  # type: ignore[arg-type]
    return frozenset(path.resolve() for path in found)


def _source(base: Path) -> Path | None:
    """The file of a module or a package given by its path, if there is one."""
    candidates = (base.with_name(f"{base.name}.py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


class Source(str):
    """Source text that a notebook shows as it is, under the place where it stands."""

    __slots__ = ()

    def __repr__(self) -> str:
        """The text itself."""
        return str(self)

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"


def show(step: Callable[..., Any]) -> Source:
    """The source of a function; of a member of the project, that of the function to which it delegates.

    TypeError for what has no source in Python.

    >>> from roadworthy import record
    >>> print(show(record).splitlines()[1])
    def record(**values: float) -> Figures:
    """
    function = _behind(inspect.unwrap(step))
    file = Path(str(inspect.getsourcefile(function)))
    place = "/".join(file.parts[-3:] if file.parent.parent.name == "roadworthy" else file.parts[-2:])
    # No number of a line: a lesson's stored output would change with every edit above the function.
    return Source(f"# {place}\n{textwrap.dedent(inspect.getsource(function)).rstrip()}")


def _behind(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a delegating method calls in its last line, of a module that it imports above: `return module.step(…)`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    body = getattr(tree, "body", [])
    imports = {
        alias.asname or alias.name: ("." * node.level + (node.module or ""), alias.name)
        for node in body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    if not imports or not isinstance(body[-1], ast.Return):
        return function
    for call in (node for node in ast.walk(body[-1]) if isinstance(node, ast.Call)):
        name, *attributes = ast.unparse(call.func).split(".")
        if name in imports:
            found = _imported(str(sys.modules[function.__module__].__package__), *imports[name])
            for attribute in attributes:
                found = getattr(found, attribute)
            step: Callable[..., Any] = inspect.unwrap(found)
            return step
    return function


def _imported(package: str, module: str, name: str) -> Any:
    """What `from ..module import name` gives inside a package: something of the module, or a module of its own."""
    inside = import_module(module, package)
    return getattr(inside, name) if hasattr(inside, name) else import_module(f"{inside.__name__}.{name}")


@dataclass(frozen=True)
class Edit:
    """A file of vendor/ that is not as it was released; `sha256` is that of the file now, empty when it is missing."""

    file: str
    kind: Literal["edited", "missing", "added"]
    sha256: str

    def __str__(self) -> str:
        """The file and what happened to it."""
        return f"{self.file} ({self.kind})"


def released_sums(home: Path) -> dict[str, Any]:
    """Version and sums of each package in vendor/ of the project `home`; nothing where there is no such folder.

    A package that is a link is somebody's working tree, of which there is no release. Raises InputError when the sums
    are missing or cannot be read.
    """
    folder, file = home / VENDOR, home / VENDOR / RELEASED
    packages = [path for path in folder.glob("*/__init__.py") if not path.parent.is_symlink()]
    if not packages:
        return {}
    hint = f"restore the folder {VENDOR}/ from version control, or take it from a release: roadworthy upgrade FILE"
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        known = {str(name): {"version": str(of["version"]), "files": dict(of["files"])} for name, of in read.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"cannot be read, so the library cannot be verified: {error}", where=file, hint=hint
        ) from error
    unknown = [path.parent.name for path in packages if path.parent.name not in known]
    if unknown:
        raise InputError(f"has no sums of {unknown[0]}, so it cannot be verified", where=file, hint=hint)
    return known


def vendored_edits(home: Path) -> list[Edit]:
    """Every file in vendor/ of the project `home` that is not as it was released, in the order of names."""
    found = [edit for name, of in released_sums(home).items() for edit in _edits(home / VENDOR, name, of["files"])]
    return sorted(found, key=lambda edit: edit.file)


def _edits(folder: Path, package: str, sums: Mapping[str, str]) -> Iterator[Edit]:
    there = {path.relative_to(folder / package).as_posix(): path for path in vendored_files(folder / package)}
    for name in {*sums, *there}:
        now = file_sha256(there[name]) if name in there else ""
        if name not in sums:
            yield Edit(f"{package}/{name}", "added", now)
        elif now != sums[name]:
            yield Edit(f"{package}/{name}", "edited" if now else "missing", now)


def vendored_files(folder: Path) -> Iterator[Path]:
    """The files below a folder but those that Python and its tools write."""
    for path in folder.rglob("*"):
        if path.is_file() and not WRITTEN_BY_PYTHON & {*path.relative_to(folder).parts}:
            yield path


def upgrade_interrupted(home: Path) -> bool:
    """Whether an upgrade was killed before it knew that the project is green with the new library."""
    return (home / BEFORE).is_dir()


def accepted_edits(home: Path) -> list[dict[str, str]]:
    """The edits that were accepted: file, kind and sum, with reason, by whom and when."""
    file = home / VENDOR / ACCEPTED
    if not file.is_file():
        return []
    try:
        return [{str(key): str(value) for key, value in each.items()} for each in json.loads(file.read_text("utf-8"))]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        hint = "restore it from version control, or remove it and accept the edits again"
        raise InputError(f"cannot be read: {error}", where=file, hint=hint) from error


def unaccepted_edits(home: Path, found: Sequence[Edit] | None = None) -> list[Edit]:
    """The edits that nobody accepted as they are now: one that was accepted and edited again is among them.

    `found` are the edits, if they are known: to find them, every file is read.
    """
    found = vendored_edits(home) if found is None else found
    known = {(each.get("file"), each.get("sha256")) for each in accepted_edits(home)} if found else set()
    return [edit for edit in found if (edit.file, edit.sha256) not in known]


def accept_edits(home: Path, reason: str, by: str) -> list[Edit]:
    """Record that the edits of now are wanted, with the `reason` and `by` whom; those that were accepted newly.

    Raises InputError without a reason, or when there is nothing to accept.
    """
    if not reason.strip():
        raise InputError("a reason is missing", where="--reason", hint="say what was mended and until when")
    new = unaccepted_edits(home)
    if not new:
        raise InputError(
            "there is no edit to accept", where=home / VENDOR, hint="`roadworthy vendor verify` lists them"
        )
    about = {"reason": reason.strip(), "by": by, "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    names = {edit.file for edit in new}
    kept = [each for each in accepted_edits(home) if each["file"] not in names]
    text = json.dumps([*kept, *({**asdict(edit), **about} for edit in new)], indent=1)
    write_atomic(home / VENDOR / ACCEPTED, text + "\n")
    return new


def edits_in_words(found: Sequence[Edit], most: int = 3) -> str:
    """Some of the edits in words, and how many there are besides."""
    rest = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(map(str, found[:most])) + rest


def vendored_verdict(home: Path, found: Sequence[Edit] | None = None) -> tuple[bool, str]:
    """Whether the library is that of its release but for accepted edits, and the evidence in a sentence."""
    known = released_sums(home)
    if not known:
        return True, f"the library is installed, and not in {VENDOR}/"
    found = vendored_edits(home) if found is None else found
    open_ = unaccepted_edits(home, found)
    if open_:
        return False, f"not as released: {edits_in_words(open_)}; {HINT}"
    versions = ", ".join(f"{name} {of['version']}" for name, of in known.items())
    reasons = {each["reason"] for each in accepted_edits(home) if each["file"] in {edit.file for edit in found}}
    more = f", with {len(found)} accepted edits: {'; '.join(sorted(reasons))}" if found else ""
    return True, f"as released: {versions}{more}"


def as_delivered(home: Path) -> bool:
    """Whether every file that the lessons' figures depend on is as it was generated; False without a record of it."""
    file = home / FILE
    if not file.is_file():
        return False
    try:
        sums = {str(name): str(total) for name, total in json.loads(file.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"cannot be read: {error}", where=file, hint="restore it from version control") from error
    return all((home / name).is_file() and file_sha256(home / name) == total for name, total in sums.items())
