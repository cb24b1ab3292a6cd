"""Which rows of a chunk the signature allows, and the model's input of those: the request model, column by column.

A rule here and in the request model of the service is the same rule; a test sends the same rows through both.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..base.errors import InputError
from .signature import LONGEST, Feature, Signature

# Arrow refuses a whole column for one text that is no number, so texts are told apart before they are cast.
NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
NO_NUMBER = pa.array(["NA", "NaN", "nan", "NULL", "null"])  # how programs write a missing number into a CSV file


@dataclass
class Checked:
    """The result for one chunk: X of all rows, the reasons against some of them by their position, counted as well.

    Rows with a reason have no meaning in `inputs`. `unseen` marks categories that training has not seen, by feature.
    """

    inputs: NDArray[np.float32]
    reasons: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)
    unseen: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which rows are allowed."""
        allowed = np.ones(len(self.inputs), dtype=bool)
        allowed[list(self.reasons)] = False
        return allowed

    def note(self, name: str, wrong: NDArray[np.bool_], why: str, column: pa.Array, rule: str) -> None:
        """Hold `why` against each row in `wrong`."""
        positions = np.flatnonzero(wrong)
        if len(positions):
            self.counts[f"{name} {why}"] += len(positions)
        for position in positions.tolist():
            value = column[position].as_py()
            shown = "" if value is None else f": {json.dumps(value, default=str)[:60]}"
            self.reasons[position].append(f"{name}{shown} {why}; allowed: {rule}")


def check_types(schema: pa.Schema, signature: Signature, path: Path) -> None:
    """Raise InputError when a whole column has a type that no value of the feature can have."""
    for feature in signature.features:
        kind = schema.field(feature.name).type
        inner = kind.value_type if pa.types.is_dictionary(kind) else kind
        text = pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner)
        number = pa.types.is_integer(inner) or pa.types.is_floating(inner) or pa.types.is_decimal(inner)
        fits = text if feature.kind == "category" else number and inner is kind
        if not fits and not pa.types.is_null(inner):
            hint = f"allowed: {feature.rule}; write the column with that type"
            raise InputError(f"column {feature.name!r} has the type {kind}", where=path, hint=hint)


def check_chunk(batch: pa.RecordBatch, signature: Signature) -> Checked:
    """Judge each row of a chunk; texts of a CSV file are read as numbers where the signature wants some."""
    checked = Checked(np.empty((batch.num_rows, len(signature.features)), dtype=np.float32))
    key = batch.column(signature.key)
    checked.note(signature.key, key.is_null().to_numpy(zero_copy_only=False), "is missing", key, "a text")
    for i, feature in enumerate(signature.features):
        read = _category if feature.kind == "category" else _number
        checked.inputs[:, i] = read(feature, batch.column(feature.name), checked)
    return checked


def _category(feature: Feature, column: pa.Array, checked: Checked) -> NDArray[np.float32]:
    # Each different text is looked at once, not each row: a column has a few hundred of them at most.
    encoded = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
    values: list[str | None] = encoded.dictionary.cast(pa.string()).to_pylist()
    # The last place stands for missing values, whose index becomes -1.
    places: NDArray[np.int64] = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    codes = feature.encode([*values, None])
    wrongs = {why: [*wrong, False] for why, wrong in _wrong_texts(feature, values).items()}
    if not feature.nullable:
        wrongs["is missing"] = [*(value is None for value in values), bool(encoded.null_count)]
    for why, wrong in wrongs.items():
        if any(wrong):
            checked.note(feature.name, np.array(wrong)[places], why, column, feature.rule)
    unseen = np.array([*(value is not None for value in values), False]) & np.isnan(codes)
    checked.unseen[feature.name] = unseen[places] if unseen.any() else np.zeros(len(column), dtype=bool)
    return codes[places]


def _wrong_texts(feature: Feature, values: list[str | None]) -> dict[str, list[bool]]:
    if feature.allowed:
        return {"is not one of them": [value is not None and value not in feature.allowed for value in values]}
    fits = pc.match_substring_regex(pa.array(values, pa.string()), feature.pattern or "").to_pylist()
    long = [value is not None and len(value) > LONGEST for value in values]
    return {"does not match": [fit is False for fit in fits], "is too long": long}


def _number(feature: Feature, column: pa.Array, checked: Checked) -> NDArray[np.float32]:
    def note(wrong: NDArray[np.bool_], why: str) -> None:
        checked.note(feature.name, wrong, why, column, feature.rule)

    values, no_number = _floats(column)
    note(no_number, "is not a number")
    missing = np.isnan(values) & ~no_number
    if not feature.nullable:
        note(missing, "is missing")
    infinite = np.isinf(values)
    note(infinite, "is not finite")
    # What is beyond the bounds becomes NaN below: float32 would make it infinite, with a warning.
    low, high = feature.bounds
    with np.errstate(invalid="ignore"):
        note((values < low) & ~infinite, "is too small")
        note((values > high) & ~infinite, "is too large")
        if feature.kind == "integer":
            note((values != np.rint(values)) & (values >= low) & (values <= high), "is not whole")
    inside: Any = np.where((values >= low) & (values <= high), values, np.nan)
    return feature.encode(inside)


def _floats(column: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The numbers of a column, NaN where there is none; and which texts are no numbers."""
    if not pa.types.is_string(column.type):
        # A safe cast refuses the whole column for one integer beyond 2**53; the bounds refuse that row alone.
        return _numpy(column.cast(pa.float64(), safe=False)), np.zeros(len(column), dtype=bool)
    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.is_in(text, NO_NUMBER), pa.scalar(None, pa.string()), text)
    fits = pc.match_substring_regex(text, NUMBER)
    numbers = pc.if_else(fits, text, pa.scalar(None, pa.string())).cast(pa.float64())
    return _numpy(numbers), np.asarray(pc.fill_null(pc.invert(fits), False))


def _numpy(column: Any) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
