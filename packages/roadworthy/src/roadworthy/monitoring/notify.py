"""Tell people through mail and chat that an alarm begins, and once more that it has ended.

For those who run no Alertmanager. What was told to whom is kept in a small file beside the prediction log, written
after the message has gone: a process that is killed between the two tells it again, rather than never. The URLs of
Apprise hold passwords, so they are named without them, and Apprise's own log is shut.
"""

import json
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import InputError
from ..files import write_atomic
from .exposition import newest
from .monitors import Reading
from .timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

RUNBOOK = "deploy/runbooks/MonitorAlarm.md"
HINT = 'write the URLs of Apprise into a file, one a line, and name it: [monitoring] notify = "people.txt"'
Told = dict[str, list[str]]


class Person(Protocol):
    """Whom Apprise reaches."""

    def notify(self, body: str, title: str = "") -> bool | None:
        """Send a message; whether it went."""

    def url(self, *, privacy: bool = False) -> str:
        """The URL; with `privacy` without what is secret in it."""


def people(given: str) -> dict[str, Person]:
    """Those whom the setting reaches, by the name that may be shown.

    `given` is one or more URLs with blanks between them, or a file with one on each line. Raises InputError without
    any, for a file that cannot be read, and for a URL that Apprise does not understand, which is not shown.
    """
    import apprise

    lines = given.split() if "://" in given else _lines(given)
    if not lines:
        raise InputError("nobody is named whom to tell", where="[monitoring] notify", hint=HINT)
    found: dict[str, Person] = {}
    repeated: Counter[str] = Counter()
    for number, line in enumerate(lines, start=1):
        with _hushed():
            person: Any = apprise.Apprise.instantiate(line)
        if person is None:
            what = f"URL {number} is not understood"
            hint = (
                f"it begins with {line.partition('://')[0][:20]}; apprise's documentation has the form of each service"
            )
            raise InputError(what, where="[monitoring] notify", hint=hint)
        name = person.url(privacy=True).partition("?")[0]
        repeated[name] += 1
        found[name if repeated[name] == 1 else f"{name} #{repeated[name]}"] = person
    return found


def memory(log: object, folder: Path) -> Path:
    """The file that keeps what was told: beside a prediction log that is a file, else in `folder`."""
    return log.with_name(f"{log.name}.told.json") if isinstance(log, Path) else folder / "told.json"


def tell(timeline: Timeline, whom: Mapping[str, Person], model: str, kept: Path) -> list[str]:
    """Tell each person what has begun to ring and what has ended since they were told last; what went wrong.

    Nobody is told twice, and whoever could not be reached is told the next time. What cannot be judged any more has
    not ended. Raises InputError when `kept` cannot be read or written.
    """
    last = {_name(reading): reading for reading in newest(timeline).values()}
    states = {name: timeline.states(reading.monitor, reading.subject)[-1] for name, reading in last.items()}
    ringing = {name for name, state in states.items() if state == "alarm"}
    told, failures = _read(kept), []
    for name, person in whom.items():
        known = set(told.get(name, []))
        begun, ended = ringing - known, (known & last.keys()) - ringing
        if not begun and not ended:
            continue
        title, body = _message(model, last, begun, ended)
        if _sent(person, title, body):
            told[name] = sorted((known | begun) - ended)
            write_atomic(kept, json.dumps(told, indent=1))
        else:
            failures.append(f"{name} could not be told: {title}; the next run tries again")
    return failures


def _message(
    model: str, last: Mapping[str, Reading], begun: "AbstractSet[str]", ended: "AbstractSet[str]"
) -> tuple[str, str]:
    words = [f"{', '.join(sorted(begun))} {'ring' if len(begun) > 1 else 'rings'}"] if begun else []
    words += [f"{', '.join(sorted(ended))} ended"] if ended else []
    lines = [f"ALARM {name}: {_evidence(last[name])}" for name in sorted(begun)]
    lines += [f"ended {name}: {_evidence(last[name])}" for name in sorted(ended)]
    return f"{model}: {'; '.join(words)}", "\n".join([*lines, f"What to do: {RUNBOOK}"])


def _evidence(reading: Reading) -> str:
    return f"value {reading.value:.4g}, limit {reading.limit:.4g}, window of {reading.window}; {reading.evidence}"


def _name(reading: Reading) -> str:
    return f"{reading.monitor} of {reading.subject}" if reading.subject else reading.monitor


def _sent(person: Person, title: str, body: str) -> bool:
    with _hushed():
        return bool(person.notify(body=body, title=title))


@contextmanager
def _hushed() -> Iterator[None]:
    # Apprise's log names hosts, users and whole URLs; and it loads plugins that nobody asked for, which warn.
    logger = logging.getLogger("apprise")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.disabled = before


def _lines(name: str) -> list[str]:
    if not name:
        return []
    try:
        lines = Path(name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = (error.strerror if isinstance(error, OSError) else "") or "is not a text in UTF-8"
        raise InputError(f"cannot be read: {what}", where=name, hint=HINT) from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _read(kept: Path) -> Told:
    if not kept.is_file():
        return {}
    try:
        found = json.loads(kept.read_text(encoding="utf-8"))
        return {str(name): list(map(str, alarms)) for name, alarms in found.items()}
    except (ValueError, AttributeError, TypeError) as error:
        hint = "remove it; what rings is then told once more"
        raise InputError("is not what `monitor --notify` keeps", where=kept, hint=hint) from error
