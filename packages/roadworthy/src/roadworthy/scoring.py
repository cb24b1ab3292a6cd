"""Score a file: every row that the signature allows gets a probability, every other one a place in quarantine.

The same bundle and the same rules as the online service, column by column: the answers are the same to the last bit.
A killed run goes on after its last finished part.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from . import answers, row_rules, tables
from .answers import Counts
from .bundle import Bundle
from .errors import InputError
from .files import sha256, writing
from .parts import Parts, open_parts
from .signature import Signature

CHUNK_ROWS = 32_768
PART_CHUNKS = 8  # a killed run loses so many at most: less than a second of work
MOST_THREADS = 8  # each holds a chunk or two, so they bound the memory
END = 1 << 20  # bytes at each end of a file that tell it from another
CODE = [Path(__file__).with_name(f"{name}.py") for name in ("answers", "tables", "row_rules", "signature", "bundle")]
Progress = Callable[[int, int | None], None]
Tell = Callable[[str], None]


@dataclass(kw_only=True)
class Summary(Counts):
    """What became of the rows of a file. `quarantine` is None when no row is in it.

    `resumed` is how many rows an earlier run had finished.
    """

    version: str
    target: Path
    quarantine: Path | None = None
    resumed: int = 0


def score(
    bundle: Bundle,
    source: Path,
    target: Path,
    *,
    quarantine: Path | None = None,
    for_monitoring: bool = False,
    threads: int = 1,
    chunk_rows: int = CHUNK_ROWS,
    part_chunks: int = PART_CHUNKS,
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> Summary:
    """Score the Parquet or CSV file `source` into `target`, in constant memory.

    `target` gets the key, probability, decision and version of each allowed row, in the order of the file. Rows that
    are not allowed go to `quarantine` (Parquet; without a path, beside the target) with their number and the reasons.
    Both appear only when all is done; until then finished parts are kept in a folder beside the target, and the next
    run with the same file and bundle goes on after them. `for_monitoring` keeps beside the answers what a monitor of
    them needs: the features that are not private, the time, and the label if the file, which must be Parquet, has it.
    `threads` chunks are answered at a time. `progress` is called with the rows done and the rows in all (of a CSV
    file, about so many until all is read), `tell` with a sentence when a run goes on or cannot. Raises InputError for a
    file that cannot be read or written and for missing columns.
    """
    source, target = Path(source), Path(target)
    quarantine = quarantine or target.with_name(f"{target.stem}.quarantine.parquet")
    _check_places(source, target, quarantine)
    kept = _kept(source, bundle.signature) if for_monitoring else []
    opened = _open(source, bundle.signature, kept)
    summary = Summary(version=bundle.version, target=target)
    part_rows = chunk_rows * part_chunks
    identity = {
        "the file": _fingerprint(source),
        "the version": [bundle.version, bundle.manifest["sha256"]],
        "the columns": kept,
        "the program": [part_rows, *code()],
    }
    with open_parts(target.with_name(f"{target.name}.parts"), identity) as parts:
        _take_over(parts, summary, tell)
        tell_rows = partial(_tell_rows, progress, opened)
        if summary.resumed:
            tell_rows(summary.resumed)
        chunks = opened.chunks(chunk_rows, after=len(parts.notes) * part_rows)
        schema = answers.result_schema(bundle, [opened.schema.field(name) for name in kept])
        answer = partial(answers.answer, bundle, (schema, answers.refused_schema(opened)))
        with closing(answers.ahead(answer, chunks, threads)) as answered:
            for _, part in groupby(answered, key=lambda each: each.at // part_rows):
                _finish(parts, part, summary, tell_rows)
        if _fingerprint(source) != identity["the file"]:
            raise InputError("was changed while it was scored", where=source, hint="score it again")
        if summary.quarantined:
            summary.quarantine = _put_together(parts, "refused", answers.refused_schema(opened), quarantine)
        else:
            # One of an earlier run would be taken for this one's.
            quarantine.unlink(missing_ok=True)
        _put_together(parts, "scored", schema, target)
    return summary


def threads_here() -> int:
    """How many threads this machine lets a process run at a time, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_THREADS)


def code() -> list[str]:
    """What a result depends on beside the file and the bundle: the sums of this program's parts."""
    return [pa.__version__, *map(sha256, CODE)]


def _kept(source: Path, signature: Signature) -> list[str]:
    """The columns that a monitor needs; InputError unless the source is a Parquet file with a time."""
    if source.suffix != ".parquet":
        hint = "in a CSV file numbers and times are texts; write it as Parquet"
        raise InputError("is not Parquet, and cannot be scored for monitoring", where=source, hint=hint)
    opened = tables.open_source(source, [signature.key, signature.time])
    if not pa.types.is_timestamp(opened.schema.field(signature.time).type):
        what = f"column {signature.time!r} has the type {opened.schema.field(signature.time).type}"
        raise InputError(what, where=source, hint="a time is needed: write the column as a timestamp")
    label = [signature.target] if signature.target in tables.names(source) else []
    public = [feature.name for feature in signature.features if not feature.private]
    return [*public, signature.time, *label]


def _check_places(source: Path, target: Path, quarantine: Path) -> None:
    for place in (target, quarantine):
        tables.check_suffix(place)
        if place.is_dir():
            raise InputError("is a folder", where=place, hint="give the name of a file")
        if place.resolve() == source.resolve():
            raise InputError("would be written over by its own result", where=source, hint="choose another name")
    if target.resolve() == quarantine.resolve():
        raise InputError("would hold the result and the quarantine", where=target, hint="choose another name")


def _open(source: Path, signature: Signature, kept: list[str]) -> tables.Source:
    categories = [feature.name for feature in signature.features if feature.kind == "category"]
    needed = dict.fromkeys([signature.key, *signature.names, *kept])
    opened = tables.open_source(source, needed, coded=categories)
    if source.suffix == ".parquet":
        row_rules.check_types(opened.schema, signature, source)
    return opened


def _fingerprint(path: Path) -> list[object]:
    about = path.stat()
    with path.open("rb") as file:
        ends = file.read(END)
        # Parquet says what is in it at the end.
        file.seek(max(0, about.st_size - END))
        ends += file.read(END)
    return [about.st_size, about.st_mtime_ns, hashlib.sha256(ends).hexdigest()]


def _take_over(parts: Parts, summary: Summary, tell: Tell | None) -> None:
    for note in parts.notes:
        summary.add(note)
    summary.resumed = summary.rows
    if tell and parts.anew:
        tell(f"Starting over: {parts.anew} is not what the unfinished result was begun with")
    elif tell and summary.rows:
        tell(f"Going on after row {summary.rows:,}: an earlier run came so far")


def _tell_rows(progress: Progress | None, source: tables.Source, done: int) -> None:
    if progress:
        progress(done, source.expected)


def _finish(
    parts: Parts, answered: Iterable[answers.Answered], summary: Summary, progress: Callable[[int], None]
) -> None:
    counts, scored, refused = Counts(), [], []
    for each in answered:
        counts.add(vars(each.counts))
        scored.append(each.scored)
        refused.append(each.refused)
        progress(summary.rows + counts.rows)
    aside = pa.Table.from_batches(refused).sort_by("row")
    parts.add({"scored": pa.Table.from_batches(scored), "refused": aside}, vars(counts))
    summary.add(vars(counts))


def _put_together(parts: Parts, name: str, schema: pa.Schema, path: Path) -> Path:
    with _beside(path) as beside, _writer(beside, path.suffix, schema) as writer:
        for table in parts.tables(name):
            writer.write_table(table)
    return path


def _writer(path: Path, suffix: str, schema: pa.Schema) -> Any:
    if suffix == ".csv":
        return pc.CSVWriter(path, schema)
    # A dictionary of values that hardly repeat only costs time.
    repeated = [field.name for field in schema if field.name not in {schema.names[0], "probability", "decision"}]
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeated)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file to write, which takes the place of `path` at the end; of a killed run it is left, for the next to use."""
    beside = path.with_name(f".{path.name}.writing")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
