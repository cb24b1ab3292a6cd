"""What a lock must hold: pins with sums and nothing else, all that is needed, and the same versions in each lock."""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


def entries(text: str) -> list[str]:
    """The entries of a lock, each with its sums on one line; comments and options are no entries."""
    lines = (line.strip() for line in re.sub(r"\\\n\s*", " ", text).splitlines())
    return [line for line in lines if line and line[0] not in "#-"]


def pin(entry: str) -> Requirement | None:
    """The requirement of an entry that allows one version only; None for any other."""
    try:
        found = Requirement(entry.partition(" --")[0].partition(" #")[0])
    except InvalidRequirement:
        return None
    operators = [each.operator for each in found.specifier if "*" not in each.version]
    return found if operators == ["=="] else None


def unpinned(text: str, file: str) -> list[str]:
    """The entries of a lock for which a machine may install whatever is newest."""
    loose = (entry.partition(" --")[0].strip() for entry in entries(text) if pin(entry) is None)
    return [f"{entry} in {file} allows more than one version: a lock needs == and sums" for entry in loose]


def unlocked(wishes: Iterable[Requirement], locked: set[str], file: str) -> list[str]:
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


def apart(part: str, whole: str, files: tuple[str, str]) -> list[str]:
    """Where a lock of a part of the packages (of the service) has others than the lock of all."""
    theirs: dict[str, set[str]] = {}
    for name, version in _versions(whole):
        theirs.setdefault(name, set()).add(version)
    return [
        f"{name} {version} in {files[0]}, {' or '.join(sorted(theirs.get(name, {'nothing'})))} in {files[1]}"
        for name, version in _versions(part)
        if version not in theirs.get(name, set())
    ]


def _versions(text: str) -> Iterator[tuple[str, str]]:
    for found in filter(None, map(pin, entries(text))):
        yield canonicalize_name(found.name), str(found.specifier).removeprefix("==")


def _needs(name: str, extra: str) -> Iterator[Requirement]:
    try:
        needs = requires(name) or []
    except PackageNotFoundError:  # what is missing is told where wishes and installation are compared
        return
    for need in map(Requirement, needs):
        if need.marker is None or need.marker.evaluate({"extra": extra}):
            yield need
