"""What the project depends on, as written down and as it is: locked packages, libraries of a version, tables."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import duckdb
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ..contract.schema import Column, Contract, Table

WISHED, LOCKED, SERVICE = "requirements.in", "requirements.txt", "requirements-service.txt"
WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
FLOATS = {"FLOAT", "DOUBLE"}
# The types of a Parquet file, as DuckDB names them, in which a column of the contract may be written.
TYPES = {
    "category": {"VARCHAR"},
    "text": {"VARCHAR"},
    "integer": WHOLE,
    "number": FLOATS | WHOLE,
    "boolean": {"BOOLEAN"},
    "time": {"TIMESTAMP WITH TIME ZONE"},
    "date": {"DATE"},
}


@dataclass(frozen=True)
class Dependencies:
    """How many things were compared, and every change: what, from which value, to which."""

    packages: int
    libraries: int
    columns: int
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Pinned:
    """A line of the lock: the one version that may be installed where its marker holds, and how many sums it has."""

    requirement: Requirement
    sums: int

    @property
    def name(self) -> str:
        """The name of the package, as all spellings of it are compared."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The version, without its `==`."""
        return str(self.requirement.specifier).removeprefix("==")

    @property
    def applies(self) -> bool:
        """Whether this machine needs it."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def package_changes(home: Path) -> tuple[int, list[str]]:
    """How many locked packages concern this machine, and where wish, locks and what is installed differ."""
    text = (home / LOCKED).read_text(encoding="utf-8")
    direct = wished_requirements((home / WISHED).read_text(encoding="utf-8"))
    lock = {name: pin for name, pin in pinned_requirements(text).items() if pin.applies}
    changes = [*unpinned_entries(text, LOCKED), *_service_changes(home, text)]
    changes += [change for wish in direct for change in _wish_changes(wish, lock.get(canonicalize_name(wish.name)))]
    own: set[str] = {canonicalize_name(wish.name) for wish in direct}
    changes += unlocked_packages(direct, {*lock, *own}, LOCKED)
    return len(lock), [*changes, *(change for name, pin in lock.items() for change in _pin_changes(name, pin, own))]


def _service_changes(home: Path, whole: str) -> list[str]:
    """What the service would be given that nothing here was tested with."""
    if not (home / SERVICE).is_file():
        return []
    part = (home / SERVICE).read_text(encoding="utf-8")
    return [*unpinned_entries(part, SERVICE), *differing_locks(part, whole, (SERVICE, LOCKED))]


def _wish_changes(wish: Requirement, pin: Pinned | None) -> Iterator[str]:
    if pin is None:
        yield f"{wish.name} is in {WISHED} but not in {LOCKED}"
    # A pre-release that is locked would otherwise be outside of every wish.
    elif not wish.specifier.contains(pin.version, prereleases=True):
        yield f"{wish.name} is locked at {pin.version}, {WISHED} wants {wish.specifier}"


def _pin_changes(name: str, pin: Pinned, own: set[str]) -> Iterator[str]:
    installed = installed_version(name)
    # What others need may be left out by whoever installs less than everything; what the project itself needs may not.
    if installed != pin.version and (installed or name in own):
        yield f"{name} {installed or 'missing'} is installed, {pin.version} is locked"
    if not pin.sums:
        yield f"{name} is locked without a sum"


def library_changes(recorded: Mapping[str, str]) -> list[str]:
    """The libraries that a version was made with and that have another version now."""
    return [
        f"{name} {installed_version(name) or 'missing'} is installed, the model was made with {made}"
        for name, made in recorded.items()
        if installed_version(name) != made
    ]


def installed_version(name: str) -> str:
    """The installed version of a package; empty when there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def wished_requirements(text: str) -> list[Requirement]:
    """The requirements that people write, of requirements.in, as far as they concern this machine."""
    lines = (line.split(" #")[0].split("#")[0].strip() for line in text.splitlines())
    requirements = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return [each for each in requirements if each.marker is None or each.marker.evaluate()]


def pinned_requirements(text: str) -> dict[str, Pinned]:
    """The lines of requirements.txt by the name of the package."""
    return {pin.name: pin for pin in _pins(text)}


def _pins(text: str) -> list[Pinned]:
    return [Pinned(pin, entry.count("--hash=")) for entry in lock_entries(text) if (pin := parse_pin(entry))]


def lock_entries(text: str) -> list[str]:
    """The entries of a lock, each with its sums on one line; comments and options are no entries."""
    lines = (line.strip() for line in re.sub(r"\\\n\s*", " ", text).splitlines())
    return [line for line in lines if line and line[0] not in "#-"]


def parse_pin(entry: str) -> Requirement | None:
    """The requirement of an entry that allows one version only; None for any other."""
    try:
        requirement = Requirement(entry.partition(" --")[0].partition(" #")[0])
    except InvalidRequirement:
        return None
    operators = [each.operator for each in requirement.specifier if "*" not in each.version]
    return requirement if operators == ["=="] else None


def unpinned_entries(text: str, file: str) -> list[str]:
    """The entries of a lock for which a machine may install whatever is newest."""
    loose = (entry.partition(" --")[0].strip() for entry in lock_entries(text) if parse_pin(entry) is None)
    return [f"{entry} in {file} allows more than one version: a lock needs == and sums" for entry in loose]


def unlocked_packages(wishes: Iterable[Requirement], locked: set[str], file: str) -> list[str]:
    """The packages that the wished ones need on this machine, at whatever distance, and that are not locked."""
    needed_by: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(wish.name), extra) for wish in wishes for extra in ("", *sorted(wish.extras))]
    while waiting:
        package, extra = waiting.pop()
        if (package, extra) in seen:
            continue
        seen.add((package, extra))
        for need in _needs(package, extra):
            name = canonicalize_name(need.name)
            waiting += [(name, each) for each in ("", *sorted(need.extras))]
            if name not in locked:
                needed_by.setdefault(name, package)
    return [f"{name}, which {by} needs, is not in {file}" for name, by in sorted(needed_by.items())]


def _needs(name: str, extra: str) -> Iterator[Requirement]:
    try:
        needs = requires(name) or []
    except PackageNotFoundError:  # what is missing is told where wishes and installation are compared
        return
    for need in map(Requirement, needs):
        if need.marker is None or need.marker.evaluate({"extra": extra}):
            yield need


def differing_locks(part: str, whole: str, files: tuple[str, str]) -> list[str]:
    """Where a lock of a part of the packages (of the service) has others than the lock of all."""
    of_whole: dict[str, set[str]] = {}
    for pin in _pins(whole):
        of_whole.setdefault(pin.name, set()).add(pin.version)
    both = [(pin, of_whole.get(pin.name, {"nothing"})) for pin in _pins(part)]
    return [
        f"{pin.name} {pin.version} in {files[0]}, {' or '.join(sorted(versions))} in {files[1]}"
        for pin, versions in both
        if pin.version not in versions
    ]


def table_changes(connection: duckdb.DuckDBPyConnection, contract: Contract) -> list[str]:
    """The columns of a snapshot whose name or type is not that of the contract."""
    return [change for table in contract.tables for change in _table_changes(connection, table)]


def _table_changes(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[str]:
    relation = connection.table(table.name)
    types = dict(zip(relation.columns, (str(kind) for kind in relation.types), strict=True))
    for column in table.columns:
        if column.name not in types:
            yield f"{table.name}.{column.name} is missing"
        elif types[column.name] not in _allowed_types(column):
            yield f"{table.name}.{column.name} is {types[column.name]}, the contract says {column.kind}"
    yield from (f"{table.name}.{name} is new" for name in types if name not in table.names)


def _allowed_types(column: Column) -> set[str]:
    # Programs without an integer that can be missing write such a column with decimals.
    return TYPES[column.kind] | (FLOATS if column.kind == "integer" and column.nullable else set())
