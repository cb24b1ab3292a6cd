"""Values that the contract forbids, each in a request that is otherwise allowed: the version must refuse them all.

The signature of a version has the rules of the contract at its training: it may allow what the contract forbids now.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..bundle import Bundle
from ..schema import Column, Contract
from ..service.request import BadRequestError, RequestReader
from ..signature import Feature

STRANGE = ("?", "~!~", "0", "a", "-1.5")  # texts of which one breaks most patterns


@dataclass(frozen=True)
class Refusals:
    """How many forbidden values were sent, 0 when no row is known that the version takes; and which it took."""

    tried: int
    taken: tuple[str, ...] = ()


def measure(contract: Contract, bundle: Bundle) -> Refusals:
    """Put each value into the first golden row that a request may hold."""
    reader = RequestReader(bundle.signature, 1)
    sound = next((each["features"] for each in bundle.golden if _takes(reader, each["features"])), None)
    if sound is None:
        return Refusals(0)
    both = [(bundle.signature.by_name.get(column.name), column) for column in contract.features.columns]
    planted = [(column.name, value) for feature, column in both if feature for value in forbidden(column, feature)]
    taken = [f"{name} {json.dumps(value)}" for name, value in planted if _takes(reader, {**sound, name: value})]
    return Refusals(len(planted), tuple(taken))


def forbidden(column: Column, feature: Feature) -> Iterator[Any]:
    """Values that break a rule of a column, those that its feature names among them."""
    if not column.nullable:
        yield None
    if column.kind == "category":
        yield from [text for text in STRANGE if not _fits(column, text)][:1]
        yield from [text for text in dict.fromkeys([*feature.allowed, *feature.categories]) if not _fits(column, text)]
        return
    if column.low is not None:
        yield column.low - max(1, abs(column.low) / 1000)
    if column.high is not None:
        yield column.high + max(1, abs(column.high) / 1000)
    if column.kind == "integer":
        yield math.floor(column.low or 0) + 0.5


def _fits(column: Column, text: str) -> bool:
    return text in column.allowed if column.allowed else re.search(column.pattern, text) is not None


def _takes(reader: RequestReader, row: Mapping[str, Any]) -> bool:
    try:
        reader.read(json.dumps(row).encode())
    except BadRequestError:
        return False
    return True
