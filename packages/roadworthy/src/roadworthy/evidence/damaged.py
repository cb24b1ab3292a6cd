"""Copies of a bundle that are damaged on purpose: none of them may be loaded."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..bundle import MANIFEST, Bundle
from .rehearsal import reseal

MOVED = 1e-4  # of a probability: more than float32 can explain, far less than a person sees
GOLDEN = "golden.json"


def loaded(bundle: Path, folder: Path) -> tuple[str, ...]:
    """What was done to the copies, made in `folder`, that are loaded all the same."""
    named = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))["sha256"]
    damages: dict[str, Callable[[Path], object]] = {
        # At the end, where JSON has room for it: a parser does not see it, a sum does.
        **{f"a byte more in {name}": partial(_lengthen, name) for name in named},
        f"a golden answer moved by {MOVED:g} and new sums": _move,
        "no golden record and new sums": _empty,
    }
    return tuple(told for i, (told, damage) in enumerate(damages.items()) if _loads(bundle, folder / str(i), damage))


def _loads(bundle: Path, copy: Path, damage: Callable[[Path], object]) -> bool:
    shutil.copytree(bundle, copy)
    damage(copy)
    try:
        Bundle.load(copy)
    except Exception:  # noqa: BLE001 - refused in whatever way
        return False
    return True


def _lengthen(name: str, copy: Path) -> None:
    (copy / name).write_bytes((copy / name).read_bytes() + b"\n")


def _move(copy: Path) -> None:
    golden = json.loads((copy / GOLDEN).read_text(encoding="utf-8"))
    golden[0]["probability"] += MOVED if golden[0]["probability"] < 1 / 2 else -MOVED
    (copy / GOLDEN).write_text(json.dumps(golden), encoding="utf-8")
    reseal(copy)


def _empty(copy: Path) -> None:
    (copy / GOLDEN).write_text("[]", encoding="utf-8")
    reseal(copy)
