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
from .files import explain_read_errors, file_sha256, write_atomic
from .settings import VENDOR

PACKAGE = __name__.split(".")[0]
FACE = Path(__file__).resolve().parents[1] / "__init__.py"  # hands on names of all rooms, each when it is asked for
RELEASED = "released.json"
ACCEPTED = "accepted.json"
BEFORE = "vendor.before"  # the library of before, while an upgrade is tried; it stays when the upgrade is killed
WRITTEN_BY_PYTHON = {"__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache"}
SHOWN = 3  # edits that a message lists
HINT = "see `roadworthy vendor verify`; put it back, or accept it: roadworthy vendor accept --reason …"
DELIVERED = Path("notebooks", "delivered.json")


def files_behind(*functions: Callable[..., Any]) -> list[Path]:
    """The Python files that functions (or classes) reach through what they name, in order."""
    own = {_module_file(function.__module__) for function in functions}
    modules = {module for function in functions for module in _modules_named(function)}
    return sorted(own.union(*(_files_imported(_module_file(module)) for module in modules)))


def code_of(function: Callable[..., Any]) -> str:
    """A sum over the code of the file in which a function stands, without its comments, and over what it is given.

    The files of its own package that this one imports count too. Of a function that was written in a notebook the sum
    is over itself. InputError when its source cannot be read.
    """
    arguments = ""
    while isinstance(function, partial):
        arguments += repr((function.args, sorted(function.keywords.items())))
        function = function.func
    target: Any = inspect.unwrap(function)
    target = target if hasattr(target, "__code__") else type(target)
    try:
        file = Path(inspect.getfile(target))
        files = sorted(_files_imported(file.resolve())) if file.is_file() else []
        texts = [each.read_text(encoding="utf-8") for each in files] or [textwrap.dedent(inspect.getsource(target))]
    except (OSError, TypeError) as error:
        hint = "define it in a module of the project's package: a model remembers the code that it is made by"
        raise InputError("its source cannot be read", where=target.__qualname__, hint=hint) from error
    # The syntax tree: another comment or another line break is not another code.
    code = "".join(ast.dump(ast.parse(text)) for text in texts)
    return hashlib.sha256((code + arguments).encode()).hexdigest()


def _modules_named(function: Callable[..., Any]) -> set[str]:
    """The modules of the package from which the names in a function's code come."""
    if isinstance(function, type):
        return {function.__module__}
    # By the names in its code and not by the imports of its module: that holds seven gates, and imports for all of
    # them.
    names, waiting = function.__globals__, _names_in(function.__code__)
    modules: set[str] = set()
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in names:
            continue
        seen.add(name)
        value = names[name]
        if isinstance(value, ModuleType):
            modules.add(value.__name__)
        elif getattr(value, "__module__", None) == function.__module__:
            waiting += _names_in(value.__code__) if hasattr(value, "__code__") else []
        else:
            modules.add(getattr(value, "__module__", "") or "")
    return {name for name in modules if name.split(".")[0] == PACKAGE}


def _names_in(code: CodeType) -> list[str]:
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in _names_in(const)]
    return [*code.co_names, *inner]


def _module_file(module: str) -> Path:
    return Path(str(sys.modules[module].__file__)).resolve()


@cache
def _files_imported(file: Path) -> frozenset[Path]:
    """A file, the files of the package that it imports, those that they import, and so on."""
    files, waiting = set(), [file]
    while waiting:
        if (path := waiting.pop()) not in files:
            files.add(path)
            waiting += _direct_imports(path)
    return frozenset(files)


@cache
def _direct_imports(file: Path) -> list[Path]:
    """The files of the package that a file imports, at its top or inside its functions."""
    tree, paths = ast.parse(file.read_text(encoding="utf-8")), set()
    # The functions of the face import all rooms: with them, each verdict would depend on each file.
    for node in tree.body if file == FACE else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = file.parent.joinpath(*[".."] * (node.level - 1), *(node.module or "").split("."))
            paths |= {base, *(base / alias.name for alias in node.names)}
    candidates = ((path.with_name(f"{path.name}.py"), path / "__init__.py") for path in paths)
    return [path.resolve() for pair in candidates for path in pair if path.is_file()]


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
            step = _imported(str(sys.modules[function.__module__].__package__), *imports[name])
            for attribute in attributes:
                step = getattr(step, attribute)
            unwrapped: Callable[..., Any] = inspect.unwrap(step)
            return unwrapped
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
    with explain_read_errors(file, hint, "cannot be read, so the library cannot be verified"):
        content = json.loads(file.read_text(encoding="utf-8"))
        sums = {str(name): {"version": str(of["version"]), "files": dict(of["files"])} for name, of in content.items()}
    if unknown := [path.parent.name for path in packages if path.parent.name not in sums]:
        raise InputError(f"has no sums of {unknown[0]}, so it cannot be verified", where=file, hint=hint)
    return sums


def vendored_edits(home: Path) -> list[Edit]:
    """Every file in vendor/ of the project `home` that is not as it was released, in the order of names."""
    packages = released_sums(home)
    edits = [edit for name, of in packages.items() for edit in _package_edits(home / VENDOR, name, of["files"])]
    return sorted(edits, key=lambda edit: edit.file)


def _package_edits(folder: Path, package: str, sums: Mapping[str, str]) -> Iterator[Edit]:
    files = {path.relative_to(folder / package).as_posix(): path for path in vendored_files(folder / package)}
    for name in {*sums, *files}:
        now = file_sha256(files[name]) if name in files else ""
        if name not in sums:
            yield Edit(f"{package}/{name}", "added", now)
        elif now != sums[name]:
            yield Edit(f"{package}/{name}", "edited" if now else "missing", now)


def vendored_files(folder: Path) -> Iterator[Path]:
    """The files below a folder but those that Python and its tools write."""
    for path in folder.rglob("*"):
        if path.is_file() and not WRITTEN_BY_PYTHON & {*path.relative_to(folder).parts}:
            yield path


def accepted_edits(home: Path) -> list[dict[str, str]]:
    """The edits that were accepted: file, kind and sum, with reason, by whom and when."""
    file = home / VENDOR / ACCEPTED
    if not file.is_file():
        return []
    with explain_read_errors(file, "restore it from version control, or remove it and accept the edits again"):
        return [{str(key): str(value) for key, value in each.items()} for each in json.loads(file.read_text("utf-8"))]


def unaccepted_edits(home: Path, edits: Sequence[Edit] | None = None) -> list[Edit]:
    """The edits that nobody accepted as they are now: one that was accepted and edited again is among them.

    `edits` are all of them, if they are known: to find them, every file is read.
    """
    edits = vendored_edits(home) if edits is None else edits
    accepted = {(each.get("file"), each.get("sha256")) for each in accepted_edits(home)} if edits else set()
    return [edit for edit in edits if (edit.file, edit.sha256) not in accepted]


def accept_edits(home: Path, reason: str, by: str) -> list[Edit]:
    """Record that the edits of now are wanted, with the `reason` and `by` whom; those that were accepted newly.

    Raises InputError without a reason, or when there is nothing to accept.
    """
    if not reason.strip():
        raise InputError("a reason is missing", where="--reason", hint="say what was mended and until when")
    new = unaccepted_edits(home)
    if not new:
        hint = "`roadworthy vendor verify` lists them"
        raise InputError("there is no edit to accept", where=home / VENDOR, hint=hint)
    about = {"reason": reason.strip(), "by": by, "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    names = {edit.file for edit in new}
    before = [each for each in accepted_edits(home) if each["file"] not in names]
    text = json.dumps([*before, *({**asdict(edit), **about} for edit in new)], indent=1)
    write_atomic(home / VENDOR / ACCEPTED, text + "\n")
    return new


def edits_in_words(edits: Sequence[Edit]) -> str:
    """Some of the edits in words, and how many there are besides."""
    rest = f" and {len(edits) - SHOWN} more" if len(edits) > SHOWN else ""
    return ", ".join(map(str, edits[:SHOWN])) + rest


def vendored_verdict(home: Path, edits: Sequence[Edit] | None = None) -> tuple[bool, str]:
    """Whether the library is that of its release but for accepted edits, and the evidence in a sentence."""
    packages = released_sums(home)
    if not packages:
        return True, f"the library is installed, and not in {VENDOR}/"
    edits = vendored_edits(home) if edits is None else edits
    if unaccepted := unaccepted_edits(home, edits):
        return False, f"not as released: {edits_in_words(unaccepted)}; {HINT}"
    versions = ", ".join(f"{name} {of['version']}" for name, of in packages.items())
    reasons = {each["reason"] for each in accepted_edits(home) if each["file"] in {edit.file for edit in edits}}
    more = f", with {len(edits)} accepted edits: {'; '.join(sorted(reasons))}" if edits else ""
    return True, f"as released: {versions}{more}"


def as_delivered(home: Path) -> bool:
    """Whether every file that the lessons' figures depend on is as it was generated; False without a record of it."""
    file = home / DELIVERED
    if not file.is_file():
        return False
    with explain_read_errors(file, "restore it from version control"):
        sums = {str(name): str(total) for name, total in json.loads(file.read_text(encoding="utf-8")).items()}
    return all((home / name).is_file() and file_sha256(home / name) == total for name, total in sums.items())
