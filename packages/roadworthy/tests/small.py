"""A small model's signature and rows, written down apart from the code under test."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CARRIERS, ORIGINS, MAKERS = ["AA", "B6", "UA"], ["EWR", "JFK", "LGA"], ["AIRBUS", "BOEING"]
SIGNATURE: dict[str, Any] = {
    "name": "small",
    "version_of_contract": "0" * 64,
    "target": "late",
    "key": "flight_id",
    "time": "as_of",
    "threshold": 0.35,
    "features": [
        {"name": "carrier", "kind": "category", "pattern": "^[0-9A-Z]{2}$", "categories": CARRIERS},
        {"name": "origin", "kind": "category", "allowed": ORIGINS, "categories": ORIGINS},
        {"name": "maker", "kind": "category", "nullable": True, "private": True, "categories": MAKERS},
        {"name": "hour", "kind": "integer", "low": 0, "high": 24, "about": "of departure"},
        {"name": "temp", "kind": "number", "low": -40, "high": 130, "unit": "F", "nullable": True},
        {"name": "distance", "kind": "number"},
    ],
}
ROW = {"carrier": "UA", "origin": "EWR", "maker": "BOEING", "hour": 17, "temp": 71.5, "distance": 719.0}


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows that the signature allows, with missing values and unseen categories."""
    draw = np.random.default_rng(seed)
    return [
        {
            "carrier": str(draw.choice([*CARRIERS, "ZZ"])),
            "origin": str(draw.choice(ORIGINS)),
            "maker": [*MAKERS, "CESSNA", None][draw.integers(4)],
            "hour": int(draw.integers(0, 24)),
            "temp": None if draw.random() < 0.1 else round(float(draw.uniform(10, 100)), 2),
            "distance": float(draw.integers(80, 5000)),
        }
        for _ in range(count)
    ]


def by_hand(table: list[dict[str, Any]]) -> NDArray[np.float32]:
    """X as the specification says, written down once more: index of the category, NaN for unseen and missing."""
    known = {"carrier": CARRIERS, "origin": ORIGINS, "maker": MAKERS}
    numbers = [
        [
            (known[name].index(row[name]) if row[name] in known[name] else np.nan) if name in known else row[name]
            for name in ("carrier", "origin", "maker", "hour", "temp", "distance")
        ]
        for row in table
    ]
    return np.array(numbers, dtype=np.float64).astype(np.float32)


def write_bundle(folder: Path, files: dict[str, bytes]) -> None:
    """Write a bundle with a manifest whose sums are right."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = {"sha256": sums, "packages": {}, "lineage": {}, "created": "2026-01-01T00:00:00+00:00"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
