"""The prediction log: every answer the model gave, and the labels that come later.

The service appends, the monitors read, from different processes at the same time. It is in one SQLite file, or in a
PostgreSQL database when its place is a URL. Columns are derived from the signature; private features never get one.
Needs NumPy only.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..base.databases import Postgres
from ..base.errors import InputError
from ..bundle.signature import ANSWERS, Feature, Signature
from .log_stores import ANSWER, PostgresStore, SqliteStore, Store, head_of

LABELS = ("label", "known_at")
Columns = dict[str, NDArray[Any]]


def log_exists(place: Path | Postgres) -> bool:
    """Whether there is a log; InputError for a database that cannot be reached."""
    if isinstance(place, Path):
        return place.is_file()
    store = PostgresStore(place, ANSWERS["classification"])  # which answers it holds is not asked
    try:
        return store.exists()
    finally:
        store.close()


class PredictionLog:
    """The log in the file or database `path`, for the features of one signature; made when it is not there yet.

    Times are UTC, a naive time is taken as UTC. Raises InputError for a place that is not such a log or cannot be
    reached.
    """

    def __init__(self, path: Path | Postgres, signature: Signature) -> None:
        self.path = path if isinstance(path, Postgres) else Path(path)
        self.features, self.head = logged_features(signature), head_of(signature.answer)
        self.refuse_taken(signature)
        kind = signature.answer
        self._store: Store = PostgresStore(path, kind) if isinstance(path, Postgres) else SqliteStore(Path(path), kind)
        try:
            self._store.prepare(self.features)
        # Whoever asked for this log gets no object, and cannot close what it has opened.
        except BaseException:
            self._store.close()
            raise

    def refuse_taken(self, signature: Signature) -> None:
        """Raise InputError when a feature has the name of a column that the log needs itself."""
        taken = [
            feature.name
            for feature in logged_features(signature)
            if feature.name in {*head_of(signature.answer), *LABELS}
        ]
        if taken:
            what = f"the log has a column {taken[0]!r} of its own"
            raise InputError(what, where=str(self.path), hint="rename the feature in the contract")

    def widen(self, signature: Signature) -> None:
        """Keep the features of another version too, one of the same contract: the same name is the same feature."""
        have = {feature.name for feature in self.features}
        new = [feature for feature in logged_features(signature) if feature.name not in have]
        if new:
            self._store.prepare(new)
            self.features = [*self.features, *new]

    @property
    def answer(self) -> str:
        """What the log calls an answer."""
        return self.head[ANSWER]

    @property
    def columns(self) -> list[str]:
        """The columns of a prediction, in the order in which `append_rows` takes them."""
        return [*self.head, *(feature.name for feature in self.features)]

    def append(self, predictions: Mapping[str, Any]) -> int:
        """Append predictions given by columns; the number of rows.

        Needed are `key`, `time`, `version`, `probability` (of numbers `prediction`), `decision` and every feature;
        `request_id` may be left out. A scalar stands for all rows. Columns that the log does not keep are ignored.
        """
        rows = len(predictions[self.answer])
        columns = {"request_id": None, **predictions}
        self.append_rows(zip(*(self._column(name, columns[name], rows) for name in self.columns), strict=True))
        return rows

    def append_rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Append predictions as tuples in the order of `columns`, in one transaction; times as `time_text` gives."""
        self._store.add_predictions(self.columns, rows)

    def append_compared(self, rows: Sequence[Sequence[Any]]) -> None:
        """Append what a shadow would have answered: tuples of `head`, the version that answered, its answer."""
        self._store.add_compared(rows)

    def append_labels(self, keys: Iterable[Any], labels: Iterable[Any], known_at: Iterable[Any]) -> int:
        """Append what turned out to be true, and since when it is known; the number of labels."""
        kept = float if self.answer == ANSWERS["regression"] else int
        rows = list(zip(map(str, keys), (kept(label) for label in labels), _time_texts(known_at), strict=True))
        self._store.add_labels(rows)
        return len(rows)

    def read(
        self, start: datetime | None = None, end: datetime | None = None, known_by: datetime | None = None
    ) -> Columns:
        """The predictions of a period (its end not included) by columns, in the order of time, with their labels.

        Numbers are float64 with NaN, categories and texts objects with None, times datetime64[us] in UTC, decisions
        bool. `label` is NaN and `known_at` NaT where no label is known, or none was known by `known_by`.
        """
        limits = {"start": start, "end": end, "known_by": known_by}
        rows = self._store.read(self.columns, {name: time_text(at) if at else None for name, at in limits.items()})
        names = [*self.columns, *LABELS]
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        return {name: self._array(name, values) for name, values in zip(names, columns, strict=True)}

    def count(self) -> tuple[int, int]:
        """The number of predictions and of labels."""
        return self._store.count()

    def close(self) -> None:
        """Close the file or the connection. What was appended is kept already."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _column(self, name: str, values: Any, rows: int) -> list[Any]:
        if values is None or isinstance(values, (str, int, float, datetime)):
            values = [values] * rows
        if name == "time":
            return _time_texts(values)
        if name in self.head:
            kind = {self.answer: float, "decision": int}.get(name, str)
            return [None if value is None else kind(value) for value in values]
        return _plain_values(values, self._feature(name))

    def _feature(self, name: str) -> Feature:
        return next(feature for feature in self.features if feature.name == name)

    def _array(self, name: str, values: Sequence[Any]) -> NDArray[Any]:
        if name in {"time", "known_at"}:
            # Without its Z: NumPy has no zones, and warns of one.
            return np.array([value and value.rstrip("Z") for value in values], dtype="datetime64[us]")
        if name in {"key", "request_id", "version"}:
            return np.array(values, dtype=object)
        if name == "decision":
            return np.array(values, dtype=bool)
        number = name in {self.answer, "label"} or self._feature(name).kind != "category"
        return np.array(values, dtype=np.float64 if number else object)


def logged_features(signature: Signature) -> list[Feature]:
    """The features that the log keeps: all but the private ones."""
    return [feature for feature in signature.features if not feature.private]


def time_text(moment: datetime) -> str:
    """A time as the log keeps it: UTC, ISO 8601, always 27 characters, so that text sorts like time."""
    return naive_utc(moment).isoformat(timespec="microseconds") + "Z"


def naive_utc(moment: datetime) -> datetime:
    """A time in UTC without a zone; one that names none is taken as UTC."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _time_texts(values: Any) -> list[str]:
    # Columns of NumPy and of pandas, with a time zone as well, go the fast way.
    if str(getattr(values, "dtype", "")).startswith("datetime64"):
        return [f"{text}Z" for text in np.datetime_as_string(np.asarray(values, dtype="datetime64[us]")).tolist()]
    return [time_text(value) for value in values]


def _plain_values(values: Any, feature: Feature) -> list[Any]:
    if feature.kind == "category":
        return [item if isinstance(item, str) else None for item in np.asarray(values, dtype=object).tolist()]
    # A store keeps NaN as NULL; SQLite keeps 5.0 as 5 in a column of integers.
    return list(np.asarray(values, dtype=np.float64).tolist())
