"""Values that the signature forbids, sent by every way that serves: a request, tensors, the files of a batch.

Each of them stands alone in a row that is otherwise allowed, see forbidden.py.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .. import scoring
from ..bundle import Bundle
from ..service.metrics import Metrics
from ..service.predictor import Predictor
from ..service.request import BadRequestError
from . import forbidden, sendings
from .forbidden import Row

Send = Callable[[Row], object]


@dataclass(frozen=True)
class Refusals:
    """How many wrong values were sent, and which were taken, in words; `unclear` is why a way could not be tried."""

    tried: int
    taken: tuple[str, ...]
    unclear: str = ""


def measure(bundle: Bundle, folder: Path) -> Refusals:
    """Send the planted rows every way; of a way that refuses the allowed row as well nothing is said."""
    sound = forbidden.allowed(bundle.signature)
    if sound is None:
        return Refusals(0, (), "of a feature no category is known that the signature allows")
    planted = [*forbidden.values(bundle.signature, sound), *forbidden.names(bundle.signature, sound)]
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
            unclear = unclear or f"{name} with a row that the signature allows is not scored"
            continue
        tried += len(some)
        taken += [f"{name} takes {each.words}" for i, each in enumerate(some) if i in scored]
    return Refusals(tried, tuple(taken), unclear)


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
    """The positions of the rows of a file that get an answer, the others are in quarantine; none if it breaks off."""
    target = file.with_name(f"answered-{file.suffix[1:]}.parquet")
    sendings.write(bundle.signature, list(rows), file)
    try:
        scoring.score(bundle, file, target)
    except Exception:  # noqa: BLE001 - another gate says why no file is scored, and this one that it cannot tell
        return set()
    return sendings.numbers(bundle.signature, target)
