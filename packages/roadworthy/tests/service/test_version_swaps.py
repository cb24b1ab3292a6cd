"""Versions that are swapped under load: what the trials of lesson 04 tell is what happened."""

import hashlib
import socket
import threading
import time
from pathlib import Path

import pytest

from roadworthy.base.errors import InputError
from roadworthy.bundle.bundle import Bundle
from roadworthy.registry import releases
from roadworthy.registry.registry import Registry
from roadworthy.serving import load_tests
from roadworthy.serving.load_tests import AnswerCounts
from small import ROW


def sums(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_every_version_answers_in_its_turn_and_no_request_is_lost(versions: Path) -> None:
    registry = Registry(versions)
    told = load_tests.swap_under_load(registry, [2, 3, 2, 1], ROW)
    assert told.statuses == [200]
    assert told.versions == ["1", "2", "3"]
    assert [entry["to"] for entry in registry.history()] == [2, 3, 2, 1]
    assert told.counts[200, "2"] >= 2


def test_a_version_that_does_not_answer_is_told_and_not_waited_for_forever(
    versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_tests, "SWAP_PATIENCE", 1.0)
    registry = Registry(versions)
    broken = releases.damaged_copy(registry, 2)
    with pytest.raises(InputError, match=f"version {broken} does not answer"):
        load_tests.swap_under_load(registry, [broken], ROW)


def test_a_damaged_version_never_answers_and_the_rollback_leads_to_the_one_before(versions: Path) -> None:
    registry, champion = Registry(versions), sums(versions / "versions" / "1")
    told = load_tests.promote_damaged(registry, ROW)
    assert (told.version, told.back_to) == (4, 1)
    assert told.reason.startswith("model.onnx: its SHA-256 sum")
    assert (told.answers.statuses, told.answers.versions) == ([200], ["1"])
    assert registry.aliases() == {"champion": 1}
    assert sums(versions / "versions" / "1") == champion
    damaged = sums(versions / "versions" / "4")
    assert [name for name in champion if damaged[name] != champion[name]] == ["model.onnx"]


def test_a_request_that_nobody_answers_counts_as_lost() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with load_tests.asking_client(address, ROW) as counts:
            deadline = time.monotonic() + 20
            while not counts and time.monotonic() < deadline:
                time.sleep(0.01)
    assert AnswerCounts(counts).statuses == [load_tests.UNANSWERED]
    assert AnswerCounts(counts).versions == []


def test_the_asking_ends_with_its_block_even_if_that_fails() -> None:
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError), load_tests.asking_client("http://127.0.0.1:1", ROW):
        1 / (threading.active_count() - threads - 1)
    assert threading.active_count() == threads


def test_a_copy_with_another_threshold_has_the_same_answers_and_other_decisions(versions: Path) -> None:
    registry = Registry(versions)
    number = releases.with_threshold(registry, 1, 0.99)
    one, other = Bundle.load(registry.path(1)), Bundle.load(registry.path(number))
    assert other.predict_rows([ROW]) == one.predict_rows([ROW])
    assert (one.threshold, other.threshold) == (0.35, 0.99)
    assert releases.with_threshold(registry, "champion", 0.99) == number, "the same content is registered once"


def test_one_byte_is_another_one_and_the_length_stays(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"abcde")
    releases.flip_a_byte(file)
    assert file.read_bytes() == b"abbde"
