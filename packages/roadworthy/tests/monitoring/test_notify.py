"""People are told once when an alarm begins, once when it has ended, and nobody is told a password."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from people import chat, listening, mailbox

from roadworthy.base.errors import InputError
from roadworthy.monitoring import notifications
from roadworthy.monitoring.monitors import Reading, Thresholds, Window
from roadworthy.monitoring.timeline import Timeline

History = Sequence[bool | None]
DAYS = ["2013-07-01", "2013-07-08", "2013-07-15"]


def timeline(**violated: History) -> Timeline:
    """Three windows of drift; an alarm rings when two of them are violated."""
    readings = [
        Reading(day, "drift", subject, 0.5, 0.2, bad, f"PSI 0.50 of {subject}")
        for subject, history in violated.items()
        for day, bad in zip(DAYS, history, strict=True)
    ]
    empty = np.empty(0)
    windows = [Window(day, {}, empty, empty, empty, empty.astype(bool)) for day in DAYS]
    return Timeline(windows, readings, Thresholds())


LOUD, QUIET = [False, True, True], [False, False, False]
BLIND = [True, True, None]


@pytest.fixture
def friends() -> Iterator[Any]:
    with listening(chat()) as heard:
        yield heard


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return notifications.memory_file(tmp_path / "log.db", tmp_path / "reports")


def whom(*servers: Any, word: str = "hunter2") -> dict[str, notifications.Person]:
    return notifications.people_reached(
        " ".join(f"json://me:{word}@127.0.0.1:{each.server_port}/in" for each in servers)
    )


def test_a_beginning_and_an_end_are_told_once_each(friends: Any, kept: Path) -> None:
    person = whom(friends)
    for history in (QUIET, LOUD, LOUD, BLIND, QUIET, QUIET):
        assert notifications.notify_people(timeline(temp=history, hour=QUIET), person, "flights", kept) == []
    assert [told["title"] for told in friends.kept] == ["flights: drift of temp rings", "flights: drift of temp ended"]
    begun = friends.kept[0]["message"]
    for part in ("value 0.5, limit 0.2", "PSI 0.50 of temp", "window of 2013-07-15", "deploy/runbooks/MonitorAlarm.md"):
        assert part in begun
    assert "hour" not in begun


def test_alarms_that_begin_together_are_one_message(friends: Any, kept: Path) -> None:
    person = whom(friends)
    notifications.notify_people(timeline(temp=LOUD, hour=LOUD), person, "flights", kept)
    notifications.notify_people(timeline(temp=QUIET, hour=LOUD, dest=LOUD), person, "flights", kept)
    assert [told["title"] for told in friends.kept] == [
        "flights: drift of hour, drift of temp ring",
        "flights: drift of dest rings; drift of temp ended",
    ]


def test_what_cannot_be_judged_any_more_has_not_ended(friends: Any, kept: Path) -> None:
    person = whom(friends)
    notifications.notify_people(timeline(temp=LOUD), person, "flights", kept)
    notifications.notify_people(timeline(hour=QUIET), person, "flights", kept)
    assert len(friends.kept) == 1
    notifications.notify_people(timeline(temp=QUIET), person, "flights", kept)
    assert friends.kept[1]["title"] == "flights: drift of temp ended"


def test_a_mail_arrives_in_a_mailbox(kept: Path) -> None:
    with listening(mailbox()) as server:
        place = f"127.0.0.1:{server.server_address[1]}"
        person = notifications.people_reached(
            f"mailto://{place}/?from=monitor@example.org&to=me@example.org&mode=insecure&format=text"
        )
        assert notifications.notify_people(timeline(temp=LOUD), person, "flights", kept) == []
        (mail,) = server.kept
    assert mail["Subject"] == "flights: drift of temp rings"
    assert "me@example.org" in mail["To"]
    assert "value 0.5, limit 0.2" in mail.get_body(("plain",)).get_content().replace("=\n", "")


def test_whoever_cannot_be_reached_is_told_later_and_nobody_else_twice(friends: Any, kept: Path) -> None:
    with listening(chat()) as deaf:
        deaf.shut, person = True, whom(friends, deaf)
        (failure,) = notifications.notify_people(timeline(temp=LOUD), person, "flights", kept)
        assert f"127.0.0.1:{deaf.server_port}" in failure
        assert "drift of temp rings; the next run tries again" in failure
        deaf.shut = False
        assert notifications.notify_people(timeline(temp=LOUD), person, "flights", kept) == []
        assert [len(each.kept) for each in (friends, deaf)] == [1, 1]


def test_killed_before_it_is_written_down_it_is_told_again(
    friends: Any, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(notifications, "write_atomic", killed)
        with pytest.raises(KeyboardInterrupt):
            notifications.notify_people(timeline(temp=LOUD), whom(friends), "flights", kept)
    notifications.notify_people(timeline(temp=LOUD), whom(friends), "flights", kept)
    assert len(friends.kept) == 2


def test_no_password_is_told_kept_or_logged(
    friends: Any, kept: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    friends.shut = True
    caplog.set_level("DEBUG")
    person = whom(friends, friends, word="s3cr3tword")
    said = [*notifications.notify_people(timeline(temp=LOUD), person, "flights", kept), *person]
    friends.shut = False
    notifications.notify_people(timeline(temp=LOUD), person, "flights", kept)
    with pytest.raises(InputError) as refused:
        notifications.people_reached("nothing://me:s3cr3tword@127.0.0.1")
    said += [str(refused.value), kept.read_text(encoding="utf-8"), *capfd.readouterr(), caplog.text]
    assert len(person) == 2
    assert "s3cr3tword" not in "".join(said)


def test_what_was_told_is_kept_beside_the_log_or_where_a_database_has_no_beside(tmp_path: Path) -> None:
    assert notifications.memory_file(tmp_path / "log.db", tmp_path / "reports") == tmp_path / "log.db.told.json"
    assert notifications.memory_file(object(), tmp_path / "reports") == tmp_path / "reports" / "told.json"


def test_people_may_be_named_in_a_file(friends: Any, tmp_path: Path) -> None:
    file = tmp_path / "people.txt"
    file.write_text(f"# who is on call\n\njson://127.0.0.1:{friends.server_port}\nmailto://a:b@example.org\n")
    assert len(notifications.people_reached(str(file))) == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "nobody is named"),
        ("none.txt", "none.txt: cannot be read"),
        ("json://127.0.0.1 nothing://secret", "URL 2 is not understood"),
    ],
)
def test_people_who_cannot_be_told_are_refused_with_a_hint(given: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        notifications.people_reached(given)


def test_a_memory_that_is_something_else_is_refused(friends: Any, kept: Path) -> None:
    kept.write_text("[1]")
    with pytest.raises(InputError, match="is not what"):
        notifications.notify_people(timeline(temp=LOUD), whom(friends), "flights", kept)
    assert json.loads(kept.read_text()) == [1]
