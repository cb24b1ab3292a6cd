"""Score partitioned Parquet or CSV, one partition at a time and worker, with the rules and answers of `batch`.

For IN/day=1/a.parquet there will be OUT/day=1/a.parquet, OUT/_quarantine/day=1/a.parquet if rows are not allowed, and
OUT/_notes/day=1/a.parquet.json, which is written last. Each appears when it is complete. A partition whose note says
that it was made of the same file by the same version is left as it is, so a run that was stopped goes on.
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..base.errors import InputError
from ..bundle.bundle import MANIFEST, SIGNED, Bundle, manifest_sums
from ..data.partitions import Place, Progress, spread_work
from . import batch
from .batch import Counts

NOTES, QUARANTINE = "_notes", "_quarantine"


@dataclass(frozen=True)
class PartitionTask:
    """What is the same for all partitions; `files` is the bundle, which travels to the workers."""

    source: Place
    target: Place
    version: str
    files: dict[str, bytes]
    for_monitoring: bool
    threads: int

    @property
    def identity(self) -> str:
        """What a partition's result depends on beside the partition."""
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}
        about = [self.version, sums, self.for_monitoring, batch.program_sums()]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


@dataclass(kw_only=True)
class Summary(Counts):
    """What became of the rows of all partitions; `resumed` is how many of these an earlier run had finished."""

    version: str
    partitions: int = 0
    resumed: int = 0


def score_partitions(
    bundle_folder: Path,
    source: str,
    target: str,
    *,
    cluster: str = "",
    for_monitoring: bool = False,
    threads: int = 1,
    progress: Progress | None = None,
) -> Summary:
    """Score each file below `source` into one of the same name below `target`: folders or s3://bucket/prefix.

    The files are Parquet or, where there is none, CSV. `cluster` is that of `spread_work`, `progress` is called with
    the partitions done and all of them, `for_monitoring` and `threads` are those of `score_file`. Raises InputError for
    what `score_file` does, and when `target` holds other partitions, which would be taken for results of this run.
    """
    here, there = Place(source), Place(target)
    partitions = here.partitions()
    if there.local and there.path("").is_file():
        raise InputError("is a file", where=target, hint="give the name of a folder: it gets a file for each one of IN")
    same, local = here.name.rstrip("/") == there.name.rstrip("/"), here.local and there.local
    if same or (local and there.path("").resolve().is_relative_to(here.path("").resolve())):
        raise InputError("would be mixed with its own results", where=source, hint="choose another place for these")
    if foreign := sorted(there.finished().keys() - partitions.keys()):
        what = f"holds a partition that the source does not have: {foreign[0]}"
        raise InputError(what, where=target, hint="choose an empty place")
    bundle = Bundle.load(bundle_folder)
    names = [MANIFEST, SIGNED, *manifest_sums(bundle_folder)]
    # As bytes: a worker on another machine has no registry to read it from.
    files = {name: (bundle_folder / name).read_bytes() for name in names if (bundle_folder / name).is_file()}
    task = PartitionTask(here, there, bundle.version, files, for_monitoring, threads)
    summary = Summary(version=bundle.version)
    for note in spread_work(_score_or_skip, task, list(partitions.items()), cluster=cluster, progress=progress):
        summary.add(note)
        summary.partitions += 1
        summary.resumed += bool(note["resumed"])
    return summary


def _score_or_skip(task: PartitionTask, item: tuple[str, list[int]]) -> dict[str, object]:
    """Score one partition unless that is done; what was counted."""
    name, (size, changed) = item
    identity, note = [task.identity, size, changed], f"{NOTES}/{name}.json"
    with tempfile.TemporaryDirectory() as folder:
        if counts := _earlier_counts(task, note, identity):
            return {**counts, "resumed": True}
        counts = _score(task, name, Path(folder))
    # Last of all: a kill before it makes the partition once more, and never a note without its rows.
    task.target.put(note, json.dumps({"identity": identity, "counts": counts}).encode())
    return {**counts, "resumed": False}


def _score(task: PartitionTask, name: str, scratch: Path) -> dict[str, object]:
    suffix = Path(name).suffix
    source = task.source.path(name) if task.source.local else task.source.fetch(name, scratch / f"in{suffix}")
    quarantine = f"{QUARANTINE}/{name}"
    bundle = _unpacked(task.version, tuple(sorted(task.files.items())))
    if task.target.local:
        out, refused = task.target.path(name), task.target.path(quarantine)
    else:
        out, refused = scratch / f"out{suffix}", scratch / f"refused{suffix}"
    how = task.for_monitoring, task.threads
    summary = batch.score_file(bundle, source, out, quarantine=refused, for_monitoring=how[0], threads=how[1])
    if not task.target.local:
        if summary.quarantine:
            task.target.put(quarantine, refused)
        else:
            task.target.remove(quarantine)
        task.target.put(name, out)
    return {counted: getattr(summary, counted) for counted in Counts.__dataclass_fields__}


def _earlier_counts(task: PartitionTask, note: str, identity: list[object]) -> dict[str, object]:
    """What was counted when the partition was scored; nothing when it was not, or not from this."""
    try:
        content = json.loads(task.target.content(note) or b"{}")
        return dict(content["counts"]) if content["identity"] == identity else {}
    except (ValueError, KeyError, TypeError):
        return {}


@lru_cache(maxsize=1)
def _unpacked(version: str, files: tuple[tuple[str, bytes], ...]) -> Bundle:
    """The bundle in this process; it needs its folder while it is loaded only."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / version
        for name, content in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        bundle = Bundle.load(folder)
        # Read now what would be read from the folder later.
        _ = (bundle.manifest, bundle.metrics, bundle.golden)
        return bundle
