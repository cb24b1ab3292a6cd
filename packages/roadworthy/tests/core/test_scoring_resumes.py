"""A run of batch scoring that was stopped goes on where it was, and its result is that of a run that was not."""

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_scoring import SCHEMA, Table, keyed, write

from roadworthy.base.errors import InputError
from roadworthy.bundle.bundle import Bundle
from roadworthy.data import tables
from roadworthy.data.tables import STATE, open_resumable
from roadworthy.serving import batch
from small import rows

SMALL: dict[str, Any] = {"chunk_rows": 50, "part_chunks": 4}  # parts of 200 rows
CHILD = """
import sys
from pathlib import Path
from roadworthy.bundle.bundle import Bundle
from roadworthy.serving import batch

folder, source, target, threads = sys.argv[1:]
batch.score_file(
    Bundle.load(Path(folder)), Path(source), Path(target), chunk_rows=50, part_chunks=4, threads=int(threads),
    progress=lambda at, of: print(at, flush=True), tell=lambda text: print(text, flush=True),
)
"""


@pytest.fixture(scope="module")
def bundle(built_registry: Path) -> Bundle:
    return Bundle.load(built_registry / "versions/1")


def table(count: int) -> Table:
    """Rows of which each seventh is in quarantine."""
    return [{**row, "hour": 99 if i % 7 == 0 else row["hour"]} for i, row in enumerate(keyed(rows(count)))]


def source_of(path: Path, count: int) -> Path:
    """A file of such rows; a CSV file has ragged lines as well."""
    write(path, table(count))
    if path.suffix == ".csv":
        lines = path.read_text(encoding="utf-8").splitlines()
        ragged = [line if i % 31 else f"{line},too,many" for i, line in enumerate(lines[1:], 1)]
        path.write_text("\n".join([lines[0], *ragged]) + "\n", encoding="utf-8")
    return path


def stop(at: int) -> Callable[[int, int | None], None]:
    """A progress that is interrupted, as by Ctrl-C, when so many rows are done."""

    def progress(done: int, total: int | None) -> None:
        del total
        if done >= at:
            raise KeyboardInterrupt

    return progress


def interrupted(bundle: Bundle, source: Path, target: Path, at: int, **more: Any) -> Path:
    """The folder with what was finished when a run was stopped."""
    with pytest.raises(KeyboardInterrupt):
        batch.score_file(bundle, source, target, progress=stop(at), **{**SMALL, **more})
    return target.with_name(f"{target.name}.parts")


def contents(target: Path) -> list[bytes]:
    """The result and its quarantine, byte for byte."""
    return [target.read_bytes(), target.with_name(f"{target.stem}.quarantine.parquet").read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "out", "threads"), [("parquet", "parquet", 2), ("csv", "csv", 1)])
def test_a_run_that_is_killed_again_and_again_gives_the_same_result(
    bundle: Bundle, tmp_path: Path, kind: str, out: str, threads: int
) -> None:
    source = source_of(tmp_path / f"in.{kind}", 6000)
    whole, killed = tmp_path / "whole" / f"out.{out}", tmp_path / "killed" / f"out.{out}"
    batch.score_file(bundle, source, whole, **SMALL)
    command = [sys.executable, "-c", CHILD, *map(str, (bundle.folder, source, killed, threads))]
    draw, kills = np.random.default_rng(), 0
    for _ in range(100):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout
            for _ in range(draw.integers(5, 60)):
                child.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(draw.random() / 100)
            child.kill()
        if child.returncode == 0:
            break
        kills += 1
    assert kills >= 2
    assert contents(killed) == contents(whole)
    assert sorted(path.name for path in killed.parent.iterdir()) == [f"out.{out}", "out.quarantine.parquet"]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_it_goes_on_after_the_last_finished_part_and_says_so(bundle: Bundle, tmp_path: Path, kind: str) -> None:
    source = source_of(tmp_path / f"in.{kind}", 1000)
    expected = batch.score_file(bundle, source, tmp_path / "whole.parquet", **SMALL)
    interrupted(bundle, source, tmp_path / "out.parquet", at=650)
    assert not (tmp_path / "out.parquet").exists()
    said: list[str] = []
    told: list[int] = []
    summary = batch.score_file(
        bundle, source, tmp_path / "out.parquet", progress=lambda at, _: told.append(at), tell=said.append, **SMALL
    )
    assert said == ["Going on after row 600: an earlier run came so far"]
    assert told == [600, 650, 700, 750, 800, 850, 900, 950, 1000]
    assert summary.resumed == 600
    for name in ("rows", "scored", "decisions", "quarantined", "reasons", "unseen"):
        assert getattr(summary, name) == getattr(expected, name)
    assert contents(tmp_path / "out.parquet") == contents(tmp_path / "whole.parquet")
    aside = pq.read_table(tmp_path / "out.quarantine.parquet")["row"].to_pylist()
    assert aside == [i + 1 for i in range(1000) if i % 7 == 0 or (kind == "csv" and (i + 1) % 31 == 0)]
    assert not (tmp_path / "out.parquet.parts").exists()


def test_an_interruption_while_the_parts_are_put_together_loses_nothing(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = source_of(tmp_path / "in.parquet", 1000), tmp_path / "out.parquet"
    batch.score_file(bundle, source, tmp_path / "whole.parquet", **SMALL)
    target.write_bytes(b"old")
    with monkeypatch.context() as stopped:
        stopped.setattr(batch, "_writer", lambda *_: stop(0)(0, None))
        with pytest.raises(KeyboardInterrupt):
            batch.score_file(bundle, source, target, **SMALL)
    assert target.read_bytes() == b"old"
    assert batch.score_file(bundle, source, target, **SMALL).resumed == 1000
    assert contents(target) == contents(tmp_path / "whole.parquet")


def test_a_file_that_has_changed_is_scored_from_its_beginning(bundle: Bundle, tmp_path: Path) -> None:
    source, target = source_of(tmp_path / "in.parquet", 1000), tmp_path / "out.parquet"
    interrupted(bundle, source, target, at=650)
    write(source, keyed(rows(1000, seed=5)))
    said: list[str] = []
    assert batch.score_file(bundle, source, target, tell=said.append, **SMALL).resumed == 0
    assert said == ["Starting over: the file is not what the unfinished result was begun with"]
    batch.score_file(bundle, source, tmp_path / "whole.parquet", **SMALL)
    assert target.read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_another_version_starts_over(bundle: Bundle, registry: Path, tmp_path: Path) -> None:
    source, target = source_of(tmp_path / "in.parquet", 1000), tmp_path / "out.parquet"
    interrupted(bundle, source, target, at=650)
    (registry / "versions/1").rename(registry / "versions/2")
    said: list[str] = []
    batch.score_file(Bundle.load(registry / "versions/2"), source, target, tell=said.append, **SMALL)
    assert said == ["Starting over: the version is not what the unfinished result was begun with"]
    assert set(pq.read_table(target)["version"].to_pylist()) == {"2"}


def test_parts_of_another_size_are_not_taken_over(bundle: Bundle, tmp_path: Path) -> None:
    source, target = source_of(tmp_path / "in.parquet", 1000), tmp_path / "out.parquet"
    interrupted(bundle, source, target, at=650)
    assert batch.score_file(bundle, source, target, chunk_rows=50, part_chunks=5).resumed == 0
    assert pq.read_metadata(target).num_rows == 857


def test_whatever_is_damaged_the_result_is_right(bundle: Bundle, tmp_path: Path) -> None:
    source = source_of(tmp_path / "in.csv", 1000)
    batch.score_file(bundle, source, tmp_path / "whole.parquet", **SMALL)
    names = [STATE, *(f"{i:06}.{end}" for i in range(4) for end in ("json", "scored.arrow", "refused.arrow"))]
    cuts = st.lists(st.tuples(st.sampled_from(names), st.one_of(st.none(), st.floats(0, 1))), max_size=3)

    @settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
    @given(st.integers(1, 950), cuts)
    def resume(at: int, damages: list[tuple[str, float | None]]) -> None:
        folder = interrupted(bundle, source, tmp_path / "out.parquet", at=at)
        for name, share in damages:
            file = folder / name
            if file.is_file() and share is None:
                file.unlink()
            elif file.is_file() and share is not None:
                file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
        batch.score_file(bundle, source, tmp_path / "out.parquet", **SMALL)
        assert contents(tmp_path / "out.parquet") == contents(tmp_path / "whole.parquet")
        assert not folder.exists()

    resume()


@pytest.mark.parametrize("name", ["000001.json", "000001.scored.arrow", "000001.refused.arrow"])
def test_a_damaged_part_is_made_again(bundle: Bundle, tmp_path: Path, name: str) -> None:
    source, target = source_of(tmp_path / "in.parquet", 1000), tmp_path / "out.parquet"
    folder = interrupted(bundle, source, target, at=850)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2] + b"?" + content[len(content) // 2 + 1 :])
    assert batch.score_file(bundle, source, target, **SMALL).resumed == 200


def test_a_full_disk_is_told_and_what_is_finished_is_kept(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = source_of(tmp_path / "in.parquet", 1000), tmp_path / "out.parquet"
    target.write_bytes(b"old")
    synced = []

    def fsync(file: int) -> None:
        del file
        synced.append(1)
        if len(synced) > 8:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fsync)
        with pytest.raises(InputError, match="No space left on device") as refusal:
            batch.score_file(bundle, source, target, **SMALL)
    assert "run it again: it goes on" in refusal.value.hint
    assert target.read_bytes() == b"old"
    assert batch.score_file(bundle, source, target, **SMALL).resumed == 400
    assert pq.read_metadata(target).num_rows == 857


def test_what_was_stopped_before_a_part_was_finished_leaves_nothing(bundle: Bundle, tmp_path: Path) -> None:
    source = source_of(tmp_path / "in.parquet", 1000)
    interrupted(bundle, source, tmp_path / "out.parquet", at=100)
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_a_file_that_changes_while_it_is_scored_gives_no_result(bundle: Bundle, tmp_path: Path) -> None:
    source, target = source_of(tmp_path / "in.csv", 1000), tmp_path / "out.parquet"

    def grow(done: int, total: int | None) -> None:
        del total
        if done == 50:
            with source.open("a") as file:
                file.write("more\n")

    with pytest.raises(InputError, match="changed while it was scored"):
        batch.score_file(bundle, source, target, progress=grow, **SMALL)
    assert not target.exists()


def test_two_runs_do_not_write_the_same_result(bundle: Bundle, tmp_path: Path) -> None:
    source = source_of(tmp_path / "in.parquet", 100)
    with (
        open_resumable(tmp_path / "out.parquet.parts", {}),
        pytest.raises(InputError, match="another process is at work"),
    ):
        batch.score_file(bundle, source, tmp_path / "out.parquet")
    assert batch.score_file(bundle, source, tmp_path / "out.parquet").rows == 100


def test_a_folder_of_that_name_that_is_somebody_elses_is_left_alone(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "out.parquet.parts").mkdir()
    (tmp_path / "out.parquet.parts" / "letter.txt").write_text("mine")
    batch.score_file(bundle, source_of(tmp_path / "in.parquet", 300), tmp_path / "out.parquet", **SMALL)
    assert [path.name for path in (tmp_path / "out.parquet.parts").iterdir()] == ["letter.txt"]


def test_more_threads_give_the_same_bytes(bundle: Bundle, tmp_path: Path) -> None:
    source = source_of(tmp_path / "in.parquet", 3000)
    for threads in (1, 4):
        batch.score_file(bundle, source, tmp_path / str(threads) / "out.parquet", threads=threads, **SMALL)
    assert contents(tmp_path / "1" / "out.parquet") == contents(tmp_path / "4" / "out.parquet")


def test_reading_from_the_middle_gives_the_same_chunks(tmp_path: Path) -> None:
    @settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
    @given(
        st.lists(st.integers(0, 6), min_size=1, max_size=60),
        st.sampled_from([1, 3, 10, 25]),
        st.integers(0, 8),
        st.sampled_from(["csv", "parquet"]),
        st.sampled_from([1, 7, 1000]),
    )
    def read(values: list[int], size: int, at: int, kind: str, group: int) -> None:
        path = tmp_path / f"in.{kind}"
        ragged = {i for i, value in enumerate(values, 1) if value == 0} if kind == "csv" else set()
        if kind == "csv":
            lines = [f"{i},{i},{i}" if i in ragged else f"{i},{i}" for i in range(1, len(values) + 1)]
            path.write_text("\n".join(["a,b", *lines]) + "\n")
        else:
            numbers = list(range(1, len(values) + 1))
            pq.write_table(pa.table({"a": numbers, "b": numbers}), path, row_group_size=group)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tables, "BLOCK", 64)
            chunks = list(tables.open_source(path, ["a", "b"]).chunks(size))
            later = list(tables.open_source(path, ["a", "b"]).chunks(size, after=size * at))
        seen = [
            (int(n), int(row["a"]))
            for each in chunks
            for n, row in zip(each.numbers, each.batch.to_pylist(), strict=True)
        ]
        assert seen == [(i, i) for i in range(1, len(values) + 1) if i not in ragged]
        assert {number for each in chunks for number in each.rejected} == ragged
        cells = [{(n - 1) // size for n in [*each.numbers.tolist(), *each.rejected]} for each in chunks]
        assert all(len(cell) == 1 for cell in cells)
        assert [min(cell) for cell in cells] == sorted(min(cell) for cell in cells)
        assert _numbers(later) == [number for number in _numbers(chunks) if number > size * at]

    read()


def _numbers(chunks: list[tables.Chunk]) -> list[int]:
    return sorted(number for each in chunks for number in [*each.numbers.tolist(), *each.rejected])


def test_texts_as_categories_come_through_the_parts(bundle: Bundle, tmp_path: Path) -> None:
    types = {"carrier": pa.dictionary(pa.int8(), pa.string()), "maker": pa.dictionary(pa.int32(), pa.string())}
    schema = pa.schema([pa.field(f.name, types.get(f.name, f.type)) for f in SCHEMA])
    wrong = [{**row, "carrier": f"not {i % 40}"} for i, row in enumerate(keyed(rows(900)))]
    batch.score_file(bundle, write(tmp_path / "in.parquet", wrong, schema), tmp_path / "out.parquet", **SMALL)
    aside = pq.read_table(tmp_path / "out.quarantine.parquet").to_pylist()
    assert [(row["row"], row["carrier"]) for row in aside] == [(i + 1, f"not {i % 40}") for i in range(900)]
