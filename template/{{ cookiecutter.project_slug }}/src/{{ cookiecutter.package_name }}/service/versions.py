"""Follow the registry: when an alias points at another version, load it and let it answer from the next request on.

A thread reads the small file of the aliases twice a second. It loads and verifies the bundle while the version in
service answers, then replaces what answers in one assignment: a request is answered by the version it began with. A
bundle that cannot be served is told once, and tried again only when its alias changes.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..bundle import Bundle
from ..errors import InputError
from ..errors import ProjectError
from ..files import write_atomic
from ..registry import CHAMPION
from ..registry import Registry
from .metrics import Metrics
from .predictor import Predictor

EVERY = 0.5  # seconds between two looks at the registry
SERVING = "serving"  # file
LOG = logging.getLogger(__package__)


@dataclass(frozen=True)
class Rollout:
    """Which version of a registry answers: that behind `alias`, looked up `every` so many seconds.

    The one behind the alias `shadow` answers beside it, and is only compared; that behind the alias "canary" answers
    `canary_share` of the requests. In the folder `shared`, workers of one service tell each other what they serve.
    """

    registry: Path
    alias: str = CHAMPION
    every: float = EVERY
    shadow: str = ""
    canary_share: float = 0.0
    shared: Path | None = None


def first(rollout: Rollout) -> Bundle:
    """The version to begin with; a worker that replaces another begins with that of the others when it has to.

    Raises InputError when there is no version behind the alias or when it is damaged.
    """
    registry = Registry(rollout.registry)
    try:
        return Bundle.load(registry.path(rollout.alias))
    except ProjectError as error:
        known = rollout.shared / SERVING if rollout.shared else None
        if known is None or not known.is_file():
            raise
        LOG.error("a version cannot be served, the worker begins with that of the others", extra={"reason": str(error)})  # noqa: TRY400
        return Bundle.load(registry.path(known.read_text(encoding="utf-8")))


class Versions:
    """The version in service, and the thread that replaces it; `show` is called with what answers from now on.

    `make` turns a verified bundle into what answers; whatever it raises keeps the version in service.
    """

    def __init__(
        self,
        rollout: Rollout,
        first: Predictor,
        make: Callable[[Bundle], Predictor],
        metrics: Metrics,
        show: Callable[[Predictor], None],
    ) -> None:
        self._rollout, self._registry = rollout, Registry(rollout.registry)
        self._serving, self._make, self._metrics, self._show = first, make, metrics, show
        self._seen: int | None = int(first.bundle.version)
        self._damage = ""
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="versions", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._tell_others()
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; what it is loading is not served any more."""
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """Read the aliases now, and serve what they point at; any thread but the one that answers may ask for it."""
        with self._lock:
            number = self._wanted()
            if number is not None and number != self._seen:
                self._seen = number
                if self._serving.bundle.version != str(number):
                    self._swap(number)

    def _run(self) -> None:
        while not self._stopping.wait(self._rollout.every):
            self.look()
            self._metrics.refresh()

    def _wanted(self) -> int | None:
        """The number behind the alias; None when nobody can tell, which leaves everything as it is."""
        if self._rollout.alias.isdigit():
            return None
        try:
            aliases, damage = self._registry.aliases(), ""
        except (ProjectError, OSError) as error:
            aliases, damage = {}, str(error)
        if damage and damage != self._damage:
            LOG.error("the registry cannot be read, the version in service stays", extra={"reason": damage})
        self._damage = damage
        return aliases.get(self._rollout.alias)

    def _swap(self, number: int) -> None:
        before = self._serving.bundle.version
        try:
            new = self._load(number)
            if self._stopping.is_set():
                return
            self._show(new)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a version, the one in service goes on
            self._metrics.swap_failures.inc()
            about = {"alias": self._rollout.alias, "version": str(number), "serving": before, "reason": str(error)}
            LOG.error("a version cannot be served, the one in service stays", extra=about)  # noqa: TRY400
            return
        self._serving = new
        self._tell_others()
        self._metrics.swaps.inc()
        LOG.info("another version answers", extra={"version": new.bundle.version, "before": before})

    def _tell_others(self) -> None:
        if self._rollout.shared:
            with suppress(ProjectError):  # a full disk; the others know an older version then
                write_atomic(self._rollout.shared / SERVING, self._serving.bundle.version)

    def _load(self, number: int) -> Predictor:
        bundle = Bundle.load(self._registry.path(number))
        ours, theirs = (each.signature.version_of_contract for each in (self._serving.bundle, bundle))
        if ours != theirs:
            hint = "its clients have to send other rows: restart the service when they do"
            raise InputError("was made for another contract", where=bundle.folder, hint=hint)
        return self._make(bundle)
