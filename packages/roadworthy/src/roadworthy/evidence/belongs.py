"""Whether what travels with a version is its own: the signature it serves by, the reference drift is told by."""

import json
from collections.abc import Mapping
from typing import Any

from .. import export
from ..monitoring.reference import of_rows
from .bench import Bench, NotJudgedError
from .validation import of_the_present


def strangers(bench: Bench) -> tuple[str, ...]:
    """What in signature.json and reference.json is other than this specification and these training rows make it.

    Nothing is said about a bundle that cannot be loaded, or about one of other data or settings: other gates do.
    """
    try:
        names = bench.bundle.names
        if not of_the_present(bench):
            return ()
        rows = bench.split.train
    except NotJudgedError:
        return ()
    signature, reference = (_read(bench, name) for name in ("signature.json", "reference.json"))
    seen = {each["name"]: each.get("categories", []) for each in signature["features"]}
    made = of_rows(export.columns(rows, names), rows[bench.contract.target], signature["features"])
    return (
        *_other("signature.json", signature, export.signature_of(bench.contract, bench.trained_spec, seen)),
        *_other("reference.json", reference, made),
    )


def _other(file: str, has: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    plain = json.loads(json.dumps(wanted))
    return [f"{file}: {name}{_told(has.get(name), value)}" for name, value in plain.items() if has.get(name) != value]


def _told(one: Any, other: Any) -> str:
    """Single values are shown; of long ones it is said whose they are not."""
    plain = isinstance(other, str | int | float)
    shown = f" is {one}, but {other} by specification and training rows"
    return shown if plain else " is that of another model or of other rows"


def _read(bench: Bench, name: str) -> dict[str, Any]:
    return dict(json.loads((bench.folder / name).read_text(encoding="utf-8")))
