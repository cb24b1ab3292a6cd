"""Values that the signature forbids, sent by every way that serves: a request, tensors, the files of a batch.

Each of them stands alone in a row that is otherwise allowed. What must be refused follows from the rules of the
signature, so the data have no part in it.
"""

import json
import math
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import scoring
from ..bundle import Bundle
from ..errors import InputError
from ..service.metrics import Metrics
from ..service.predictor import Predictor
from ..service.request import BadRequestError
from ..signature import LONGEST
from ..signature import Feature
from ..signature import Signature
from . import sendings

STRANGE = ("?", "~!~", "0", "a", "-1.5")  # texts of which one breaks most patterns
Row = dict[str, Any]
Send = Callable[[Row], object]


@dataclass(frozen=True)
class Refusals:
    """How many wrong values were sent, and which were taken, in words; `unclear` is why a way could not be tried."""

    tried: int
    taken: tuple[str, ...]
    unclear: str = ""


@dataclass(frozen=True)
class Planted:
    """A row with one fault, in words; `typed` when every value has the type of its column, so that a file can hold it.

    `text` is for a CSV file alone, in which every value is a text.
    """

    words: str
    row: Row
    typed: bool = True
    text: bool = False


def measure(bundle: Bundle, folder: Path) -> Refusals:
    """Send the planted rows every way; of a way that refuses the allowed row as well nothing is said."""
    sound = allowed(bundle.signature)
    if sound is None:
        return Refusals(0, (), "of a feature no category is known that the signature allows")
    planted = [*forbidden(bundle.signature, sound), *_unknown(bundle.signature, sound)]
    tried, taken, unclear = 0, [], ""
    for name, send in _online(bundle, sound).items():
        refused = _refusal(send, sound)
        unclear = unclear or (f"{name} refuses a row that the signature allows: {refused}" if refused else "")
        if not refused:
            tried += len(planted)
            taken += [f"{name} takes {each.words}" for each in planted if not _refusal(send, each.row)]
    for name, suffix in (("a Parquet file", "parquet"), ("a CSV file", "csv")):
        some = [each for each in planted if each.typed and (suffix == "csv" or not each.text)]
        scored = _scored(bundle, [*(each.row for each in some), sound], folder / f"wrong.{suffix}")
        if len(some) not in scored:
            unclear = unclear or f"{name} with a row that the signature allows is refused"
            continue
        tried += len(some)
        taken += [f"{name} takes {each.words}" for i, each in enumerate(some) if i in scored]
    return Refusals(tried, tuple(taken), unclear)


def allowed(signature: Signature) -> Row | None:
    """A row that the signature allows; None when a feature must have a category and none is known."""
    row: Row = {}
    for feature in signature.features:
        if feature.kind == "category":
            known = [text for text in (*feature.allowed, *feature.categories) if _fits(feature, text)]
            if not known and not feature.nullable:
                return None
            row[feature.name] = known[0] if known else None
        else:
            low, high = feature.bounds
            inside = min(max(0.0, low), high)
            row[feature.name] = math.ceil(inside) if feature.kind == "integer" else inside
    return row


def forbidden(signature: Signature, sound: Row) -> Iterator[Planted]:
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


def _unknown(signature: Signature, sound: Row) -> Iterator[Planted]:
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


def _online(bundle: Bundle, sound: Row) -> dict[str, Send]:
    predictor = Predictor(bundle, Metrics(), None, max_rows=2)
    return {
        "a request": lambda row: predictor.answer(json.dumps(row).encode(), ""),
        "a request with a list": lambda row: predictor.answer(json.dumps({"rows": [sound, row]}).encode(), ""),
        "a request with tensors": lambda row: predictor.infer(*sendings.tensors(bundle.signature, [row]), ""),
    }


def _refusal(send: Send, row: Row) -> str:
    """Why the row is refused; empty when it is not. Any other failure is none: whoever sent it learns nothing."""
    try:
        send(row)
    except BadRequestError as refused:
        return str(refused) or "refused"
    except Exception:  # noqa: BLE001 - a wrong value that breaks the service has not been refused
        return ""
    return ""


def _scored(bundle: Bundle, rows: Iterable[Row], file: Path) -> set[int]:
    """The positions of the rows of a file that get an answer; the others are in quarantine."""
    target = file.with_name(f"answered-{file.suffix[1:]}.parquet")
    try:
        scoring.score(bundle, sendings.write(bundle.signature, list(rows), file), target)
    except InputError:
        return set()
    return sendings.numbers(bundle.signature, target)
