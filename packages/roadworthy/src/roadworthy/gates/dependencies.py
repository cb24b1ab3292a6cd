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


def lock_entries(text: str) -> list[str]:
    """The entries of a lock, each with its sums on one line; comments and options are no entries."""
    lines = (line.strip() for line in re.sub(r"\\\n\s*", " ", text).splitlines())
    return [line for line in lines if line and line[0] not in "#-"]


def parse_pin(entry: str) -> Requirement | None:
    """The requirement of an entry that allows one version only; None for any other."""
    try:
        found = Requirement(entry.partition(" --")[0].partition(" #")[0])
    except InvalidRequirement:
        return None
    operators = [each.operator for each in found.specifier if "*" not in each.version]
    return found if operators == ["=="] else None


def unpinned_entries(text: str, file: str) -> list[str]:
    """The entries of a lock for which a machine may install whatever is newest."""
    loose = (entry.partition(" --")[0].strip() for entry in lock_entries(text) if parse_pin(entry) is None)
    return [f"{entry} in {file} allows more than one version: a lock needs == and sums" for entry in loose]


def unlocked_packages(wishes: Iterable[Requirement], locked: set[str], file: str) -> list[str]:
    """The packages that the wished ones need on this machine, at whatever distance, and that are not locked."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(wish.name), extra) for wish in wishes for extra in ("", *sorted(wish.extras))]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        for need in _needs(*at):
            name = canonicalize_name(need.name)
            waiting += [(name, extra) for extra in ("", *sorted(need.extras))]
            if name not in locked:
                found.setdefault(name, at[0])
    return [f"{name}, which {by} needs, is not in {file}" for name, by in sorted(found.items())]


def differing_locks(part: str, whole: str, files: tuple[str, str]) -> list[str]:
    """Where a lock of a part of the packages (of the service) has others than the lock of all."""
    theirs: dict[str, set[str]] = {}
    for name, locked in _versions(whole):
        theirs.setdefault(name, set()).add(locked)
    return [
        f"{name} {locked} in {files[0]}, {' or '.join(sorted(theirs.get(name, {'nothing'})))} in {files[1]}"
        for name, locked in _versions(part)
        if locked not in theirs.get(name, set())
    ]


def _versions(text: str) -> Iterator[tuple[str, str]]:
    for found in filter(None, map(parse_pin, lock_entries(text))):
        yield canonicalize_name(found.name), str(found.specifier).removeprefix("==")


def _needs(name: str, extra: str) -> Iterator[Requirement]:
    try:
        needs = requires(name) or []
    except PackageNotFoundError:  # what is missing is told where wishes and installation are compared
        return
    for need in map(Requirement, needs):
        if need.marker is None or need.marker.evaluate({"extra": extra}):
            yield need


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
    def version(self) -> str:
        """The version, without its `==`."""
        return str(self.requirement.specifier).removeprefix("==")

    @property
    def applies(self) -> bool:
        """Whether this machine needs it."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def wished_requirements(text: str) -> list[Requirement]:
    """The requirements that people write, of requirements.in, as far as they concern this machine."""
    lines = (line.split(" #")[0].split("#")[0].strip() for line in text.splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return [each for each in found if each.marker is None or each.marker.evaluate()]


def pinned_requirements(text: str) -> dict[str, Pinned]:
    """The lines of requirements.txt by the name of the package."""
    found = [Pinned(pin, entry.count("--hash=")) for entry in lock_entries(text) if (pin := parse_pin(entry))]
    return {canonicalize_name(each.requirement.name): each for each in found}


def package_changes(home: Path) -> tuple[int, list[str]]:
    """How many locked packages concern this machine, and where wish, locks and what is installed differ."""
    text = (home / LOCKED).read_text(encoding="utf-8")
    direct = wished_requirements((home / WISHED).read_text(encoding="utf-8"))
    lock = {name: pin for name, pin in pinned_requirements(text).items() if pin.applies}
    changes = [*unpinned_entries(text, LOCKED), *_of_service(home, text)]
    changes += [change for wish in direct for change in _of_wish(wish, lock.get(canonicalize_name(wish.name)))]
    own: set[str] = {canonicalize_name(wish.name) for wish in direct}
    changes += unlocked_packages(direct, {*lock, *own}, LOCKED)
    return len(lock), [*changes, *(change for name, pin in lock.items() for change in _of_pin(name, pin, own))]


def library_changes(recorded: Mapping[str, str]) -> list[str]:
    """The libraries that a version was made with and that have another version now."""
    return [
        f"{name} {installed_version(name) or 'missing'} is installed, the model was made with {made}"
        for name, made in recorded.items()
        if installed_version(name) != made
    ]


def table_changes(connection: duckdb.DuckDBPyConnection, contract: Contract) -> list[str]:
    """The columns of a snapshot whose name or type is not that of the contract."""
    return [change for table in contract.tables for change in _of_table(connection, table)]


def installed_version(name: str) -> str:
    """The installed version of a package; empty when there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _of_service(home: Path, whole: str) -> list[str]:
    """What the service would be given that nothing here was tested with."""
    if not (home / SERVICE).is_file():
        return []
    part = (home / SERVICE).read_text(encoding="utf-8")
    return [*unpinned_entries(part, SERVICE), *differing_locks(part, whole, (SERVICE, LOCKED))]


def _of_wish(wish: Requirement, pin: Pinned | None) -> Iterator[str]:
    if pin is None:
        yield f"{wish.name} is in {WISHED} but not in {LOCKED}"
    elif not wish.specifier.contains(pin.version, prereleases=True):
        yield f"{wish.name} is locked at {pin.version}, {WISHED} wants {wish.specifier}"


def _of_pin(name: str, pin: Pinned, own: set[str]) -> Iterator[str]:
    found = installed_version(name)
    # What others need may be left out by whoever installs less than everything; what the project itself needs may not.
    if found != pin.version and (found or name in own):
        yield f"{name} {found or 'missing'} is installed, {pin.version} is locked"
    if not pin.sums:
        yield f"{name} is locked without a sum"


def _of_table(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[str]:
    relation = connection.table(table.name)
    found = dict(zip(relation.columns, (str(kind) for kind in relation.types), strict=True))
    for column in table.columns:
        if column.name not in found:
            yield f"{table.name}.{column.name} is missing"
        elif found[column.name] not in _types(column):
            yield f"{table.name}.{column.name} is {found[column.name]}, the contract says {column.kind}"
    yield from (f"{table.name}.{name} is new" for name in found if name not in table.names)


def _types(column: Column) -> set[str]:
    # Programs without an integer that can be missing write such a column with decimals.
    return TYPES[column.kind] | (FLOATS if column.kind == "integer" and column.nullable else set())
