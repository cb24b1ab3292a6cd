"""The registry: numbered versions of the model's bundle, and aliases that say which one serves.

A version is a folder that never changes. An alias is a line in one small file that is replaced as a whole, so a
reader sees the old version or the new one. The same content is never registered twice.
"""

import errno
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import errors
from ..base.errors import InputError
from ..base.files import hold_lock, scratch_folder, write_atomic

if TYPE_CHECKING:
    from ..bundle.bundle import Bundle

CHAMPION = "champion"
CHALLENGER = "challenger"
CANARY = "canary"


class Registry:
    """Versions and aliases in one folder.

    >>> from tempfile import mkdtemp
    >>> Registry(Path(mkdtemp())).versions()
    []
    """

    def __init__(self, folder: Path) -> None:
        """Use `folder`; it is made when the first version is added."""
        self.folder = Path(folder)
        self._aliases = self.folder / "aliases.json"
        self._history = self.folder / "history.jsonl"
        self._lock = self.folder / ".lock"

    def versions(self) -> list[int]:
        """The numbers of the versions, in order."""
        return sorted(int(path.name) for path in self.folder.glob("versions/*") if path.name.isdigit())

    def aliases(self) -> dict[str, int]:
        """Which version each alias means."""
        if not self._aliases.is_file():
            return {}
        try:
            return dict(json.loads(self._aliases.read_text(encoding="utf-8")))
        except (TypeError, ValueError) as error:
            hint = "restore it, or write {} into it and promote a version again"
            raise InputError(f"is not valid JSON: {error}", where=self._aliases, hint=hint) from error

    def path(self, version: int | str = CHAMPION) -> Path:
        """The folder of a version, given by its number or an alias; InputError when there is none."""
        return self.folder / "versions" / str(self.resolve(version))

    def resolve(self, version: int | str) -> int:
        """The number behind an alias or a number written as text; InputError when it does not exist."""
        number = int(version) if str(version).isdigit() else self.aliases().get(str(version))
        if number not in self.versions():
            have = f"versions: {self.versions()}, aliases: {self.aliases()}" if self.versions() else "it is empty"
            hint = f"{have}; the command `train` makes a version, `registry promote` makes it the champion"
            raise InputError(f"there is no version {version!r}", where=self.folder, hint=hint)
        return int(number)

    def add(self, write: Callable[[Path], object]) -> int:
        """Register what `write` puts into a folder; the number of the version, an old one if it is the same content."""
        with scratch_folder(self.folder / "versions") as scratch:
            write(scratch)
            same = [number for number in self.versions() if _identity(self.path(number)) == _identity(scratch)]
            return same[0] if same else self._take_number(scratch)

    def copy(self, bundle: Path) -> int:
        """Register a copy of a bundle that stands elsewhere, for example in another registry."""
        return self.add(lambda folder: shutil.copytree(bundle, folder, dirs_exist_ok=True))

    def promote(self, version: int | str, alias: str = CHAMPION, reason: str = "") -> int:
        """Point an alias at a version. Raises RedError when one of its gates is neither green nor waived today.

        Those of its training are in its folder; what the gates of the ML Test Score said since is in `judged`. What is
        waived stands in the history.
        """
        number, reason = self.resolve(version), reason or "promoted"
        if alias == CHAMPION:
            hint = "a version is promoted only when every gate is green; see its gates.json, and the command `gates`"
            verdicts = [*errors.load_verdicts(self.path(number) / "gates.json"), *self.judged(number)]
            errors.require_green(verdicts, where=f"version {number}", hint=hint)
            waived = [f"{v.gate} {errors.waiver_words(v)}" for v in verdicts if not v.passed]
            reason = "; ".join([reason, *waived])
        self._point(alias, number, reason)
        return number

    def bundle(self, version: int | str = CHAMPION) -> "Bundle":
        """The bundle of a version as the service loads it; InputError when it is damaged."""
        from ..bundle.bundle import Bundle

        return Bundle.load(self.path(version))

    def list_versions(self) -> list[dict[str, object]]:
        """The versions: number, aliases, when it was made, its AUC or R2."""
        aliases = self.aliases()
        return [
            {
                "version": number,
                "aliases": ", ".join(name for name, of in aliases.items() if of == number),
                "created": self._content(number, "manifest.json")["created"],
                **{
                    name: round(value, 4)
                    for name, value in self._content(number, "metrics.json").items()
                    if name in ("auc", "r2")
                },
            }
            for number in self.versions()
        ]

    def judge(self, version: int | str, verdicts: Sequence[errors.Verdict]) -> None:
        """Remember what the gates say about a version now; the version itself never changes."""
        write_atomic(self._verdicts_file(version), errors.dump_verdicts(verdicts))

    def judged(self, version: int | str) -> list[errors.Verdict]:
        """What the gates said about a version when they were last run on it; nothing if they never were."""
        return errors.load_verdicts(self._verdicts_file(version))

    def rollback(self, reason: str = "") -> int:
        """Make the version that was the champion before it again; InputError when there is none."""
        now = self.resolve(CHAMPION)
        former = self.predecessor(now)
        if former is None:
            hint = "promote a version by its number"
            raise InputError("no version was the champion before", where=self.folder, hint=hint)
        before = self.resolve(former)
        self._point(CHAMPION, before, reason or f"rolled back from version {now}", rollback=True)
        return before

    def withdraw(self, alias: str, version: int, reason: str) -> bool:
        """Take an alias away from a version, with the reason in the history; False when it points elsewhere by now."""
        with hold_lock(self._lock):
            aliases = self.aliases()
            if aliases.get(alias) != version:
                return False
            self._change(aliases, alias, None, reason, rollback=True)
            return True

    def predecessor(self, version: int) -> int | None:
        """The champion that `version` replaced when it was last promoted; None when it replaced none."""
        for entry in reversed(self.history()):
            # A rollback is no way to come back to: two in a row go back twice.
            if entry["alias"] == CHAMPION and entry["to"] == version and entry["from"] and not entry["rollback"]:
                return int(str(entry["from"]))
        return None

    def history(self) -> list[dict[str, object]]:
        """What happened to the aliases, the oldest first: time, alias, from, to (None: taken away), reason.

        Raises InputError for a line that is damaged.
        """
        if not self._history.is_file():
            return []
        lines = self._history.read_text(encoding="utf-8").splitlines()
        return [self._history_entry(number, line) for number, line in enumerate(lines, start=1)]

    def _history_entry(self, number: int, line: str) -> dict[str, object]:
        try:
            return dict(json.loads(line))
        except (TypeError, ValueError) as error:
            hint = "restore the file, or take the line away: without it, a rollback may not find the version before"
            raise InputError(f"line {number} is not valid JSON: {error}", where=self._history, hint=hint) from error

    def _content(self, number: int, name: str) -> dict[str, Any]:
        return dict(json.loads((self.path(number) / name).read_text(encoding="utf-8")))

    def _verdicts_file(self, version: int | str) -> Path:
        return self.folder / "judged" / f"{self.resolve(version)}.json"

    def _take_number(self, scratch: Path) -> int:
        number = max(self.versions(), default=0) + 1
        while True:
            try:
                scratch.rename(self.folder / "versions" / str(number))
            except OSError as error:
                # Another process took the number in the meantime.
                # Windows says EACCES when the folder is there, and also without rights: then the counting must end.
                if error.errno not in {errno.EEXIST, errno.ENOTEMPTY, errno.EACCES} or number > 10**6:
                    raise
                number += 1
            else:
                return number

    def _point(self, alias: str, number: int, reason: str, *, rollback: bool = False) -> None:
        with hold_lock(self._lock):  # a canary is withdrawn by the service, at any time
            aliases = self.aliases()
            if aliases.get(alias) != number:
                self._change(aliases, alias, number, reason, rollback=rollback)

    def _change(self, aliases: dict[str, int], alias: str, number: int | None, reason: str, *, rollback: bool) -> None:
        # History first: a kill between the two leaves a line about a change that did not happen, which rolling back
        # ignores, but never a change that nobody can undo.
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry: dict[str, object] = {"time": now, "alias": alias, "from": aliases.get(alias), "to": number}
        entry |= {"reason": reason, "rollback": rollback}
        # Not appended: a kill would leave half a line, and a damaged line stops every rollback.
        lines = [json.dumps(line) for line in [*self.history(), entry]]
        write_atomic(self._history, "\n".join(lines) + "\n")
        changed = {**aliases, alias: number}
        write_atomic(self._aliases, json.dumps({name: of for name, of in changed.items() if of is not None}))


def _identity(folder: Path) -> object:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["sha256"]
