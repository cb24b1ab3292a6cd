import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from roadworthy.base import errors
from roadworthy.base.errors import InputError, RedError
from roadworthy.registry.registry import Registry

GREEN = [errors.Verdict("sound", passed=True, evidence="yes")]
RED = [errors.Verdict("sound", passed=True, evidence="yes"), errors.Verdict("leak", passed=False, evidence="AUC .91")]


def add(registry: Registry, content: str, verdicts: list[errors.Verdict] = GREEN) -> int:
    def write(folder: Path) -> None:
        (folder / "model.onnx").write_text(content)
        (folder / "gates.json").write_text(errors.dump_verdicts(verdicts))
        (folder / "manifest.json").write_text(json.dumps({"sha256": {"model.onnx": content}}))

    return registry.add(write)


def test_versions_count_up_and_the_same_content_is_one_version(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry")
    assert [add(registry, "a"), add(registry, "b"), add(registry, "a")] == [1, 2, 1]
    assert registry.versions() == [1, 2]


def test_the_tenth_version_comes_after_the_ninth(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert [add(registry, str(i)) for i in range(11)][-1] == registry.versions()[-1] == 11


def test_versions_added_at_the_same_time_do_not_overwrite_each_other(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda i: add(Registry(tmp_path), f"model {i}"), range(16)))
    assert sorted(numbers) == registry.versions() == list(range(1, 17))
    assert {(registry.path(n) / "model.onnx").read_text() for n in numbers} == {f"model {i}" for i in range(16)}


def test_a_version_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "model.onnx").write_text("half")
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        Registry(tmp_path).add(broken)
    assert Registry(tmp_path).versions() == []
    assert list((tmp_path / "versions").iterdir()) == []


def test_a_version_with_a_red_gate_is_never_the_champion(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    good, bad = add(registry, "a"), add(registry, "b", RED)
    registry.promote(good)
    with pytest.raises(RedError, match=r"version 2(.|\n)*leak: AUC \.91"):
        registry.promote(bad)
    assert registry.aliases() == {"champion": good}
    registry.promote(bad, "challenger")
    assert registry.aliases()["challenger"] == bad


def test_a_version_whose_gates_nobody_asked_is_never_the_champion(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    number = add(registry, "a", [])
    with pytest.raises(RedError, match="no gate has judged"):
        registry.promote(number)
    (registry.path(number) / "gates.json").unlink()
    with pytest.raises(RedError, match="no gate has judged"):
        registry.promote(number)
    assert registry.aliases() == {}


@pytest.mark.parametrize("passed", [False, None], ids=["red", "not judged"])
def test_a_version_that_a_gate_has_not_found_green_since_does_not_replace_the_champion(
    tmp_path: Path, *, passed: bool | None
) -> None:
    registry = Registry(tmp_path)
    champion, other = add(registry, "a"), add(registry, "b")
    registry.promote(champion)
    registry.judge(other, [*GREEN, errors.Verdict("Model 6", passed, "as measured")])
    with pytest.raises(RedError, match="Model 6: as measured"):
        registry.promote(other)
    assert registry.aliases() == {"champion": champion}


def test_two_rollbacks_go_back_twice(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    for content in "abc":
        registry.promote(add(registry, content))
    assert [registry.rollback(), registry.rollback()] == [2, 1]
    with pytest.raises(InputError, match="no version was the champion before"):
        registry.rollback()
    assert registry.aliases() == {"champion": 1}


def test_a_version_promoted_twice_goes_back_to_what_it_replaced_last(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    for content in "abcb":
        registry.promote(add(registry, content))
    assert [entry["to"] for entry in registry.history()] == [1, 2, 3, 2]
    assert registry.rollback() == 3


def test_a_damaged_line_of_the_history_is_named(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.promote(add(registry, "a"))
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"time": "2026-01')
    with pytest.raises(InputError, match=r"history\.jsonl: line 2 is not valid JSON(.|\n)*restore the file"):
        registry.promote(add(registry, "b"))
    assert registry.aliases() == {"champion": 1}


def test_the_history_says_who_served_when_and_why(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.promote(add(registry, "a"))
    registry.promote(add(registry, "b"), reason="better by .03")
    registry.rollback("misbehaved")
    told = [(entry["from"], entry["to"], entry["reason"]) for entry in registry.history()]
    assert told == [(None, 1, "promoted"), (1, 2, "better by .03"), (2, 1, "misbehaved")]


@pytest.mark.parametrize("asked", [7, "7", "champion", "nobody"])
def test_a_version_that_is_not_there_says_what_there_is(tmp_path: Path, asked: int | str) -> None:
    registry = Registry(tmp_path)
    add(registry, "a")
    with pytest.raises(InputError, match=r"versions: \[1\]"):
        registry.path(asked)


def test_damaged_aliases_are_named(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    add(registry, "a")
    (tmp_path / "aliases.json").write_text("{")
    with pytest.raises(InputError, match=r"aliases\.json"):
        registry.promote(1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_kill_in_the_middle_of_promoting_leaves_one_champion_or_the_other(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    for content in "ab":
        add(registry, content)
    registry.promote(1)
    code = f"""
        from pathlib import Path
        from roadworthy.registry.registry import Registry
        registry = Registry(Path({str(tmp_path)!r}))
        print("go", flush=True)
        while True:
            registry.promote(2)
            registry.promote(1)
    """
    for attempt in range(5):
        with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(0.01 * attempt)  # somewhere in the middle
            os.kill(process.pid, signal.SIGKILL)
        assert registry.aliases()["champion"] in {1, 2}
        assert all(entry["to"] in {1, 2} for entry in registry.history())
        registry.promote(1, "challenger")  # the lock of the dead is free
        registry.promote(2, "challenger")


def test_a_kill_is_never_seen_by_those_who_read_meanwhile(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    for content in "ab":
        add(registry, content)
    registry.promote(1)
    code = f"""
        from pathlib import Path
        from roadworthy.registry.registry import Registry
        while True:
            for version in (2, 1):
                Registry(Path({str(tmp_path)!r})).promote(version)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)]) as process:
        deadline = time.monotonic() + 30
        seen: set[int] = set()
        while len(seen) < 2 and time.monotonic() < deadline:
            seen.add(registry.aliases()["champion"])
        for _ in range(2000):
            assert registry.aliases()["champion"] in {1, 2}
        process.kill()
    assert seen == {1, 2}


def test_changes_at_the_same_time_lose_none_of_each_other(tmp_path: Path) -> None:
    add(Registry(tmp_path), "a")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: Registry(tmp_path).promote(1, f"alias-{i}"), range(24)))
    assert Registry(tmp_path).aliases() == {f"alias-{i}": 1 for i in range(24)}
    assert len(Registry(tmp_path).history()) == 24


def test_an_alias_is_withdrawn_with_its_reason_unless_it_points_elsewhere(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    for content in "ab":
        registry.promote(add(registry, content))
    registry.promote(1, "canary")
    assert not registry.withdraw("canary", 2, "too late")
    assert registry.withdraw("canary", 1, "it failed")
    assert registry.aliases() == {"champion": 2}
    last = registry.history()[-1]
    assert (last["alias"], last["from"], last["to"], last["reason"]) == ("canary", 1, None, "it failed")
    assert registry.rollback() == 1  # what happened to the canary is no champion to come back to
