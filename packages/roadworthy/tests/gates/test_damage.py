"""Damage to a bundle is what its story says, and the bundle loads: a gate has to see it, not the loader."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from roadworthy.bundle.bundle import Bundle
from roadworthy.drills import faults
from roadworthy.registry.registry import Registry
from roadworthy.serving import tracing
from small import CARRIERS, SIGNATURE


@pytest.fixture
def copy(registry: Path) -> Any:
    """As much of a project as has a registry; its champion tells what training has seen."""
    found = Registry(registry)
    lists = {each["name"]: each["categories"] for each in SIGNATURE["features"] if each["kind"] == "category"}
    counts = {name: {"counts": list(range(len(names), 0, -1))} for name, names in lists.items()}
    (found.path() / "reference.json").write_text(json.dumps({"features": counts}))
    (found.path() / "golden.json").write_text(json.dumps(golden(found.path())[:1]))  # of UA, EWR and BOEING
    return SimpleNamespace(registry=found, settings=SimpleNamespace(paths=SimpleNamespace(registry=found.folder)))


def golden(folder: Path) -> list[Any]:
    return list(json.loads((folder / "golden.json").read_text()))


def test_two_categories_that_no_golden_record_has_change_their_codes(copy: Any) -> None:
    faults.exchange_two_categories(copy)
    bundle = Bundle.load(copy.registry.path())
    lists = {feature.name: list(feature.categories) for feature in bundle.signature.features if feature.categories}
    changed = [
        each["name"] for each in SIGNATURE["features"] if lists.get(each["name"], []) != each.get("categories", [])
    ]
    # 3 and 2 rows of the first two carriers, and of two origins; the maker's other neighbour is in the golden record.
    assert changed == ["carrier"]
    assert lists["carrier"] == [CARRIERS[1], CARRIERS[0], CARRIERS[2]]


def test_thresholds_are_rounded_up_by_one_number_of_32_bits(copy: Any) -> None:
    file = copy.registry.path() / "model.onnx"
    before = tracing.read_numbers(file)
    faults.round_thresholds_up(copy)
    after = tracing.read_numbers(file)
    np.testing.assert_array_equal(after.thresholds, np.nextafter(before.thresholds, np.float32(np.inf)))
    np.testing.assert_array_equal(after.steps, before.steps)
    Bundle.load(file.parent)
