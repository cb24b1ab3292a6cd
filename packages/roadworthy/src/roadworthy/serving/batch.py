"""Score a file: every row that the signature allows gets a probability, every other one a place in quarantine.

The same bundle and the same rules as the online service, column by column: the answers are the same to the last bit.
Several chunks are answered at a time. A killed run goes on after its last finished part.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from ..base.errors import InputError
from ..base.files import explain_write_errors, file_sha256
from ..bundle import bundle as bundle_module
from ..bundle import row_rules, signature
from ..bundle.bundle import Bundle
from ..bundle.row_rules import Checked
from ..bundle.signature import ANSWERS, Signature
from ..data import tables
from ..data.tables import ResumableOutput, open_resumable

CHUNK_ROWS = 32_768
PART_CHUNKS = 8  # a killed run loses so many at most: less than a second of work
MOST_THREADS = 8  # each holds a chunk or two, so they bound the memory
# What a result depends on beside the file and the bundle: an unfinished one is not continued by another program.
CODE = [Path(str(each.__file__)) for each in (tables, row_rules, signature, bundle_module)] + [Path(__file__)]
Progress = Callable[[int, int | None], None]
Tell = Callable[[str], None]


@dataclass
class Counts:
    """What became of some rows.

    `decisions` counts the probabilities from the threshold on, none of numbers; `reasons` why rows are in quarantine,
    `unseen` the categories that training has not seen, by feature.
    """

    rows: int = 0
    scored: int = 0
    decisions: int = 0
    quarantined: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)

    def add(self, more: Mapping[str, Any]) -> None:
        """Add the counts of other rows, given by name."""
        for each in fields(Counts):
            counted = getattr(self, each.name)
            setattr(self, each.name, counted + type(counted)(more[each.name]))


@dataclass(kw_only=True)
class Summary(Counts):
    """What became of the rows of a file. `quarantine` is None when no row is in it.

    `resumed` is how many rows an earlier run had finished.
    """

    version: str
    target: Path
    quarantine: Path | None = None
    resumed: int = 0


@dataclass
class Answered:
    """The result of one chunk, whose first row is number `at` (from 0) of the file: rows `scored` and `refused`."""

    at: int
    counts: Counts
    scored: pa.RecordBatch
    refused: pa.RecordBatch


def score_file(
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
    opened, extra = _open(source, target, bundle.signature, for_monitoring=for_monitoring)
    summary = Summary(version=bundle.version, target=target)
    part_rows = chunk_rows * part_chunks
    identity = _identity(bundle, opened, extra, part_rows)
    schemas = _schemas(bundle, opened.schema, extra)

    def tell_rows(done: int) -> None:
        if progress and done:
            progress(done, opened.expected)

    with open_resumable(target.with_name(f"{target.name}.parts"), identity) as parts:
        _take_over(parts, summary, tell)
        tell_rows(summary.resumed)
        unread = partial(opened.chunks, chunk_rows, after=len(parts.notes) * part_rows)
        # Closed when a part cannot be written: its threads would go on until the generator is collected.
        with closing(_answer_ahead(partial(_answer_chunk, bundle, schemas), unread, threads)) as answers:
            _score_rest(parts, answers, summary, part_rows, tell_rows)
        # Before anything appears: half of a file that was written to meanwhile belongs to another file.
        if not opened.is_unchanged():
            raise InputError("was changed while it was scored", where=source, hint="score it again")
        _write_results(parts, schemas, summary, quarantine)
    return summary


def threads_here() -> int:
    """How many threads this machine lets a process run at a time, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_THREADS)


def program_sums() -> list[str]:
    """What a result depends on beside the file and the bundle: the sums of this program's parts."""
    return [pa.__version__, *map(file_sha256, CODE)]


def _check_places(source: Path, target: Path, quarantine: Path) -> None:
    for place in (target, quarantine):
        tables.check_suffix(place)
        if place.is_dir():
            raise InputError("is a folder", where=place, hint="give the name of a file")
        if place.resolve() == source.resolve():
            raise InputError("would be written over by its own result", where=source, hint="choose another name")
    if target.resolve() == quarantine.resolve():
        raise InputError("would hold the result and the quarantine", where=target, hint="choose another name")


def _open(source: Path, target: Path, signature: Signature, *, for_monitoring: bool) -> tuple[tables.Source, list[str]]:
    """The file with the columns that are needed, and the names of those that a monitor needs besides."""
    extra = _monitoring_columns(source, target, signature) if for_monitoring else []
    categories = [feature.name for feature in signature.features if feature.kind == "category"]
    needed = dict.fromkeys([signature.key, *signature.names, *extra])
    opened = tables.open_source(source, needed, categories, signature.spelled)
    if for_monitoring and not pa.types.is_timestamp(opened.schema.field(signature.time).type):
        what = f"column {signature.time!r} has the type {opened.schema.field(signature.time).type}"
        raise InputError(what, where=source, hint="a time is needed: write the column as a timestamp")
    if source.suffix == ".parquet":
        row_rules.check_types(opened.schema, signature, source)
    return opened, extra


def _monitoring_columns(source: Path, target: Path, signature: Signature) -> list[str]:
    """The public features, the time, and the label if there is one; InputError unless both files are Parquet."""
    if other := [place for place in (source, target) if place.suffix != ".parquet"]:
        hint = "in a CSV file numbers and times are texts; write it as Parquet"
        raise InputError("is not Parquet, and cannot be scored for monitoring", where=other[0], hint=hint)
    label = [signature.target] if signature.target in tables.parquet_names(source) else []
    public = [feature.name for feature in signature.features if not feature.private]
    return [*public, signature.time, *label]


def _schemas(bundle: Bundle, source: pa.Schema, extra: list[str]) -> tuple[pa.Schema, pa.Schema]:
    """The columns of a result: key, answer, then the extra ones of the source; and those of a quarantine."""
    decision = [] if bundle.signature.regression else [("decision", pa.bool_())]
    answer = [(bundle.signature.answer, pa.float64()), *decision, ("version", pa.string())]
    scored = [(bundle.signature.key, pa.string()), *answer, *(source.field(name) for name in extra)]
    return pa.schema(scored), pa.schema([("row", pa.int64()), ("reason", pa.string()), *source])


def _identity(bundle: Bundle, opened: tables.Source, extra: list[str], part_rows: int) -> dict[str, object]:
    """What a finished part depends on: a run goes on after those of the same identity only."""
    return {
        "the file": opened.identity,
        "the version": [bundle.version, bundle.manifest["sha256"]],
        "the columns": extra,
        "the program": [part_rows, *program_sums()],
    }


def _take_over(parts: ResumableOutput, summary: Summary, tell: Tell | None) -> None:
    for note in parts.notes:
        summary.add(note)
    summary.resumed = summary.rows
    if tell and parts.anew:
        tell(f"Starting over: {parts.anew} is not what the unfinished result was begun with")
    elif tell and summary.rows:
        tell(f"Going on after row {summary.rows:,}: an earlier run came so far")


def _score_rest(
    parts: ResumableOutput,
    answers: Iterable[Answered],
    summary: Summary,
    part_rows: int,
    tell_rows: Callable[[int], None],
) -> None:
    """Answer what no earlier run has answered, and finish one part after the other."""
    for _, part in groupby(answers, key=lambda each: each.at // part_rows):
        counts, scored, refused = Counts(), [], []
        for each in part:
            counts.add(vars(each.counts))
            scored.append(each.scored)
            refused.append(each.refused)
            tell_rows(summary.rows + counts.rows)
        quarantine = pa.Table.from_batches(refused).sort_by("row")
        parts.add({"scored": pa.Table.from_batches(scored), "refused": quarantine}, vars(counts))
        summary.add(vars(counts))


def _answer_ahead(
    answer: Callable[[tables.Chunk], Answered], unread: Callable[[], Iterable[tables.Chunk]], threads: int
) -> Generator[Answered]:
    """The answers in the order of the chunks, with so few of them under way that the memory stays small."""
    under_way: deque[Future[Answered]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for chunk in unread():
            under_way.append(pool.submit(answer, chunk))
            if len(under_way) > threads + 1:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _answer_chunk(bundle: Bundle, schemas: tuple[pa.Schema, pa.Schema], chunk: tables.Chunk) -> Answered:
    """Judge the rows of a chunk and answer those that are allowed; `schemas` as `_schemas` gives them."""
    checked = row_rules.check_chunk(chunk.batch, bundle.signature)
    scored = _predict(bundle, chunk.batch, checked, schemas[0])
    first = min([*chunk.numbers[:1].tolist(), *chunk.rejected])
    return Answered(first - 1, _counts(chunk, checked, scored), scored, _refused(chunk, checked, schemas[1]))


def _predict(bundle: Bundle, batch: pa.RecordBatch, checked: Checked, schema: pa.Schema) -> pa.RecordBatch:
    inputs = checked.inputs
    if checked.reasons:
        good = checked.good
        inputs, batch = inputs[good], batch.filter(pa.array(good))
    answers = bundle.predict(inputs)
    version = pa.repeat(bundle.version, len(answers))
    key = batch.column(bundle.signature.key).cast(pa.string())
    decided = [] if bundle.signature.regression else [pa.array(bundle.decide(answers))]
    answered = [key, pa.array(answers), *decided, version]
    extra = [_cast(batch.column(field.name), field.type) for field in list(schema)[len(answered) :]]
    return pa.RecordBatch.from_arrays([*answered, *extra], schema=schema)


def _refused(chunk: tables.Chunk, checked: Checked, schema: pa.Schema) -> pa.RecordBatch:
    positions = sorted(checked.reasons)
    reasons = pa.array(["; ".join(checked.reasons[position]) for position in positions], pa.string())
    rows = chunk.batch.take(pa.array(positions, pa.int64()))
    columns = [pa.array(chunk.numbers[positions]), reasons, *rows.columns]
    cast = [_cast(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
    judged = pa.RecordBatch.from_arrays(cast, schema=schema)
    lines = [{"row": number, "reason": reason} for number, reason in chunk.rejected.items()]
    return pa.concat_batches([judged, pa.RecordBatch.from_pylist(lines, schema=schema)])


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def _counts(chunk: tables.Chunk, checked: Checked, scored: pa.RecordBatch) -> Counts:
    lines = len(chunk.rejected)
    return Counts(
        rows=len(checked.inputs) + lines,
        scored=scored.num_rows,
        decisions=_decisions(scored),
        quarantined=len(checked.reasons) + lines,
        reasons=checked.counts + Counter({"line has another number of values": lines}),
        unseen=Counter({name: int((rows & checked.good).sum()) for name, rows in checked.unseen.items()}),
    )


def _decisions(scored: pa.RecordBatch) -> int:
    if "decision" not in scored.schema.names:
        return 0
    return int(np.sum(scored.column("decision").to_numpy(zero_copy_only=False)))


def _write_results(
    parts: ResumableOutput, schemas: tuple[pa.Schema, pa.Schema], summary: Summary, quarantine: Path
) -> None:
    """Put the parts together; the target comes last, so that it never stands there before its quarantine."""
    if summary.quarantined:
        summary.quarantine = _write_parts(parts, "refused", schemas[1], quarantine)
    else:
        # One of an earlier run would be taken for this one's.
        quarantine.unlink(missing_ok=True)
    _write_parts(parts, "scored", schemas[0], summary.target)


def _write_parts(parts: ResumableOutput, name: str, schema: pa.Schema, path: Path) -> Path:
    with _beside(path) as beside, _writer(beside, path.suffix, schema) as writer:
        for table in parts.tables(name):
            writer.write_table(table)
    return path


def _writer(path: Path, suffix: str, schema: pa.Schema) -> Any:
    if suffix == ".csv":
        return pc.CSVWriter(path, schema)
    # A dictionary of values that hardly repeat only costs time.
    single = {schema.names[0], "decision", *ANSWERS.values()}
    repeated = [field.name for field in schema if field.name not in single]
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeated)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file to write, which takes the place of `path` at the end; of a killed run it is left, for the next to use."""
    beside = path.with_name(f".{path.name}.writing")
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
