"""Rows that the signature forbids: each has one value that breaks a rule, or one name that is not known.

What is wrong with them follows from the rules of the signature, so the data have no part in it.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..signature import LONGEST, Feature, Signature

STRANGE = ("?", "~!~", "0", "a", "-1.5")  # texts of which one breaks most patterns
Row = dict[str, Any]


@dataclass(frozen=True)
class Planted:
    """A row with one fault, in words; `typed` when every value has the type of its column, so that a file can hold it.

    `text` is for a CSV file alone, in which every value is a text.
    """

    words: str
    row: Row
    typed: bool = True
    text: bool = False


def allowed(signature: Signature) -> Row | None:
    """A row that the signature allows; None when a feature must have a category and none is known."""
    row: Row = {}
    for feature in signature.features:
        if feature.kind == "category":
            # In a CSV file and in bytes an empty text is a missing value.
            known = [text for text in (*feature.allowed, *feature.categories) if text and _fits(feature, text)]
            if not known and not feature.nullable:
                return None
            row[feature.name] = known[0] if known else None
        else:
            low, high = feature.bounds
            inside = min(max(0.0, low), high)
            row[feature.name] = math.ceil(inside) if feature.kind == "integer" else inside
    return row


def values(signature: Signature, sound: Row) -> Iterator[Planted]:
    """The allowed row with one value that breaks the rule of its feature: each rule of each feature."""
    for feature in signature.features:
        for value, typed, text in _wrong(feature, sound[feature.name]):
            words = f"{feature.name} {json.dumps(value)[:20]}, allowed is {feature.rule}"
            yield Planted(words, {**sound, feature.name: value}, typed, text)


def _wrong(feature: Feature, inside: Any) -> Iterator[tuple[Any, bool, bool]]:
    if not feature.nullable:
        yield None, True, False
    if feature.kind == "category":
        strange = [text for text in STRANGE if not _fits(feature, text)]
        yield from ((text, True, False) for text in [*strange[:1], "x" * (LONGEST + 1)])
        yield 7, False, False
        return
    low, high = feature.bounds
    number = int if feature.kind == "integer" else float
    yield number(math.floor(low) - max(1, math.ceil(abs(low) / 1000))), True, False
    yield number(math.ceil(high) + max(1, math.ceil(abs(high) / 1000))), True, False
    if feature.kind == "integer" and inside + 0.5 <= high:
        yield inside + 0.5, True, False
    yield "true", True, True
    yield str(inside), False, False
    yield True, False, False


def names(signature: Signature, sound: Row) -> Iterator[Planted]:
    """The allowed row with a name that nobody knows: beside the others, and in place of one of them."""
    known = {*signature.names, signature.key, signature.time}
    other = next(name for name in (f"unknown{'_' * i}" for i in range(len(known) + 1)) if name not in known)
    yield Planted("a field that it does not know", {**sound, other: 1}, typed=False)
    for name in signature.names:
        if f"{name}_" not in known:
            row = {key if key != name else f"{name}_": value for key, value in sound.items()}
            yield Planted(f"{name}_ for {name}, which is then missing", row, typed=False)


def _fits(feature: Feature, text: str) -> bool:
    if feature.allowed:
        return text in feature.allowed
    return len(text) <= LONGEST and re.search(feature.pattern, text) is not None
