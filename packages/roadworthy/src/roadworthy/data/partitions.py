"""Parquet files below a folder or an s3://bucket/prefix, and a function spread over them, here or on a Dask cluster."""

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import pyarrow.parquet as pq
from pyarrow import fs

from ..base.errors import InputError
from ..base.files import write_atomic
from .tables import SUFFIXES, TEXTS, explain_arrow_errors

if TYPE_CHECKING:
    from distributed import Client

S3 = "s3://"
BLOCK = 1 << 20  # bytes that are copied at a time
MEMORY = "1GB"  # of a worker on this machine; one that needs more is replaced
LOCAL = re.compile(r"local:([1-9]\d?)")
PATIENCE = 10  # seconds until a scheduler counts as gone
AHEAD = 4  # tasks that are handed out for each worker
Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Place:
    """A folder or a prefix, by the text that names it; it can be sent to another process."""

    name: str

    @property
    def local(self) -> bool:
        """Whether it is a folder of this machine."""
        return not self.name.startswith(S3)

    def path(self, relative: str) -> Path:
        """The path of a file in a folder of this machine."""
        return Path(self.name).absolute() / relative

    def partitions(self) -> dict[str, list[int]]:
        """Size and time of change of each Parquet file below (CSV, if there is none), by its relative path, in order.

        Left out are notes, quarantine and unfinished files. InputError when there is none. A file has the path "".
        """
        partitions = self.finished()
        if not partitions:
            what = "holds no Parquet file" if self.local and Path(self.name).is_dir() else "there is nothing here"
            raise InputError(what, where=self.name, hint="give a folder or s3://bucket/prefix of .parquet files")
        return {name: about for name, about in partitions.items() if not name.endswith(".csv")} or partitions

    def finished(self) -> dict[str, list[int]]:
        """The same, of both kinds, and nothing when there is none."""
        base = self._full("")
        with self._explained(""):
            if self._is_file(""):
                return {"": []}
            infos = self._files().get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
        files = {info.path.removeprefix(base).lstrip("/"): info for info in infos if info.type == fs.FileType.File}
        return {
            name: [info.size, info.mtime_ns or 0]
            for name, info in sorted(files.items())
            # The quarantine of a single file stands beside it.
            if name.endswith(SUFFIXES) and not name.endswith(".quarantine.parquet")
            if not any(part[0] in "_." for part in name.split("/"))
        }

    @contextmanager
    def reading(self, relative: str) -> Iterator[pq.ParquetFile]:
        """A Parquet file, its texts as codes; it is read row group by row group. InputError for a CSV file."""
        if self._full(relative).endswith(".csv"):
            raise InputError("is not Parquet", where=self._full(relative), hint="write it as Parquet")
        with self._explained(relative), self._files().open_input_file(self._full(relative)) as raw:
            texts = [field.name for field in pq.read_schema(raw) if field.type in TEXTS]
            raw.seek(0)
            # Buffering ahead would hold whole row groups of all columns.
            yield pq.ParquetFile(raw, read_dictionary=texts, pre_buffer=False)

    def fetch(self, relative: str, to: Path) -> Path:
        """A copy of a file on this machine."""
        with self._explained(relative), self._stream(relative) as raw, to.open("wb") as file:
            shutil.copyfileobj(raw, file, BLOCK)
        return to

    def put(self, relative: str, content: Path | bytes) -> None:
        """Write a file: it appears when it is complete, and takes the place of an older one."""
        if self.local:
            write_atomic(self.path(relative), content if isinstance(content, bytes) else content.read_bytes())
            return
        # An object of S3 appears when its upload is complete, and only then.
        with self._explained(relative), self._files().open_output_stream(self._full(relative)) as raw:
            if isinstance(content, bytes):
                raw.write(content)
                return
            with content.open("rb") as file:
                shutil.copyfileobj(file, raw, BLOCK)

    def content(self, relative: str) -> bytes:
        """A small file; nothing when it is not there."""
        with self._explained(relative):
            if not self._is_file(relative):
                return b""
            with self._stream(relative) as raw:
                return bytes(raw.read())

    def remove(self, relative: str) -> None:
        """Remove a file if it is there."""
        with self._explained(relative):
            if self._is_file(relative):
                self._files().delete_file(self._full(relative))

    def _is_file(self, relative: str) -> bool:
        return bool(self._files().get_file_info(self._full(relative)).type == fs.FileType.File)

    def _stream(self, relative: str) -> Any:
        return self._files().open_input_stream(self._full(relative))

    def _full(self, relative: str) -> str:
        base = str(Path(self.name).absolute()) if self.local else self.name.removeprefix(S3).strip("/")
        return f"{base}/{relative}" if relative else base

    def _files(self) -> Any:
        if self.local:
            return fs.LocalFileSystem()
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        if not endpoint:
            return fs.S3FileSystem()
        parts = urlsplit(endpoint)
        return fs.S3FileSystem(endpoint_override=parts.netloc, scheme=parts.scheme)

    def _explained(self, relative: str) -> AbstractContextManager[None]:
        where = f"{self.name.rstrip('/')}/{relative}" if relative else self.name
        hint = "check the name and the rights" if self.local else "check the name, AWS_ENDPOINT_URL and the keys"
        return explain_arrow_errors(where, "cannot be used", hint)


def is_partitioned(name: str) -> bool:
    """Whether a text names a place of partitions and not one file."""
    return name.startswith(S3) or Path(name).is_dir()


def spread_work(
    work: Callable[[Shared, Item], Result],
    shared: Shared,
    items: Sequence[Item],
    *,
    cluster: str = "",
    progress: Progress | None = None,
) -> Iterator[Result]:
    """`work(shared, item)` for each item, as they are finished; `progress` is told how many are, and of how many.

    `cluster` is empty for this process, "local:2" for two workers of this machine, or the address of a scheduler.
    Raises InputError for a cluster that cannot be reached and when workers die over the same item again and again.
    """
    results = _on_cluster(work, shared, items, cluster) if cluster else (work(shared, item) for item in items)
    for done, result in enumerate(results, start=1):
        if progress:
            progress(done, len(items))
        yield result


def _on_cluster(
    work: Callable[[Shared, Item], Result], shared: Shared, items: Sequence[Item], cluster: str
) -> Iterator[Result]:
    from distributed import KilledWorker, as_completed

    waiting = iter(items)
    with _client(cluster) as client:
        # Each task has all it needs, so that none waits for what was on a worker that died; therefore few at a time.
        first = islice(waiting, AHEAD * max(len(client.scheduler_info(n_workers=-1)["workers"]), 1))
        # Not pure: for a key of its own Dask would take the sum of all arguments, the bundle's bytes among them.
        futures = [client.submit(work, shared, item, pure=False) for item in first]
        running = as_completed(futures, loop=client.loop)  # type: ignore[no-untyped-call]
        for future in running:
            try:
                yield future.result()
            except KilledWorker as error:
                hint = f"a worker of this machine has {MEMORY}; write smaller row groups, or give the workers more"
                raise InputError("a partition killed several workers", where=cluster, hint=hint) from error
            future.release()
            for item in islice(waiting, 1):
                running.add(client.submit(work, shared, item, pure=False))  # type: ignore[no-untyped-call]


@contextmanager
def _client(cluster: str) -> "Iterator[Client]":
    from distributed import Client, LocalCluster

    if local := LOCAL.fullmatch(cluster):
        # Port 0, whatever is free: without an address Dask warns when another cluster of this machine has its port.
        page = {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
        options = {"threads_per_worker": 1, "memory_limit": MEMORY, **page}
        with (
            tempfile.TemporaryDirectory() as scratch,
            LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=int(local[1]), local_directory=scratch, silence_logs=logging.CRITICAL, **options
            ) as started,
            Client(started, set_as_default=False) as client,  # type: ignore[no-untyped-call]
        ):
            yield client
        return
    try:
        client = Client(cluster, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        hint = 'give "local:2" for two workers of this machine, or the address of a scheduler, tcp://HOST:8786'
        raise InputError("no scheduler answers there", where=f"cluster {cluster}", hint=hint) from error
    with client:
        yield client
