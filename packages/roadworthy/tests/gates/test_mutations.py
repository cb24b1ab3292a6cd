"""A gate that always says the same is noticed: the tests of each section hold evidence for both answers."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import test_data
import test_infrastructure
import test_model
import test_monitoring

from roadworthy.contract import workspace
from roadworthy.gates import run
from roadworthy.gates.bench import Gate

MODULES = (test_data, test_model, test_infrastructure, test_monitoring)
GOOD: dict[str, list[Any]] = {name: cases for module in MODULES for name, cases in module.GOOD.items()}
BAD: dict[str, list[Any]] = {name: cases for module in MODULES for name, cases in module.BAD.items()}
JUDGES = {gate.name: gate for gate in run.GATES}


def told_apart(judge: Gate[Any]) -> bool:
    """Whether every good evidence is green and every bad one is red."""
    good, bad = ([judge(case).passed for case in cases[judge.name]] for cases in (GOOD, BAD))
    return bool(good) and bool(bad) and all(each is True for each in good) and all(each is False for each in bad)


def replaced(judge: Gate[Any], function: Callable[..., tuple[bool | None, str]]) -> Gate[Any]:
    return dataclasses.replace(judge, judge=function)


def test_the_paper_has_28_tests() -> None:
    assert tuple(JUDGES) == workspace.GATES, "by these names settings waive them"


@pytest.mark.parametrize("name", JUDGES)
def test_each_gate_tells_good_evidence_from_bad(name: str) -> None:
    assert told_apart(JUDGES[name])


@pytest.mark.parametrize("name", JUDGES)
def test_a_gate_that_is_always_green_is_noticed(name: str) -> None:
    assert not told_apart(replaced(JUDGES[name], lambda *_: (True, "green")))


@pytest.mark.parametrize("name", JUDGES)
def test_a_gate_that_is_always_red_is_noticed(name: str) -> None:
    assert not told_apart(replaced(JUDGES[name], lambda *_: (False, "red")))


@pytest.mark.parametrize("name", JUDGES)
def test_a_gate_that_never_judges_is_noticed(name: str) -> None:
    assert not told_apart(replaced(JUDGES[name], lambda *_: (None, "not judged")))
