"""Follow the registry: when an alias points at another version, load it and let it answer from the next request on.

A thread reads the small file of the aliases twice a second. It loads and verifies the bundle while the version in
service answers, then replaces what answers in one assignment: a request is answered by the version it began with. A
bundle that cannot be served is logged once, and tried again only when its alias changes.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import InputError, ProjectError
from ..base.files import write_atomic
from ..bundle.bundle import Bundle
from ..monitoring.distributions import MAX_PSI
from ..registry.registry import CANARY, CHAMPION, Registry
from .canary import CanaryTraffic
from .predictor import Metrics, Predictor
from .shadow import Shadow

EVERY = 0.5  # seconds between two looks at the registry
SERVING = "serving"  # file
LOG = logging.getLogger(__package__)


@dataclass(frozen=True)
class Rollout:
    """Which version of a registry answers: that behind `alias`, looked up `every` so many seconds.

    The one behind the alias `shadow` answers beside it, and is only compared; that behind the alias "canary" answers
    `canary_share` of the requests, while the PSI of its answers is at most `max_psi`. In the folder `shared`, workers
    of one service tell each other what they serve.
    """

    registry: Path
    alias: str = CHAMPION
    every: float = EVERY
    shadow: str = ""
    canary_share: float = 0.0
    max_psi: float = MAX_PSI
    shared: Path | None = None

    @property
    def beside(self) -> list[str]:
        """The other aliases that are looked up."""
        wanted = [self.shadow, CANARY if self.canary_share > 0 else ""]
        return [alias for alias in dict.fromkeys(wanted) if alias not in {"", self.alias}]


def first_version(rollout: Rollout) -> Bundle:
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


class ServedVersions:
    """The versions in service, and the thread that replaces them; `show` is called with what answers from now on.

    `make` turns a verified bundle into what answers; whatever it raises keeps the version in service.
    """

    def __init__(
        self,
        rollout: Rollout,
        first: Predictor,
        *,
        make: Callable[[Bundle], Predictor],
        metrics: Metrics,
        show: Callable[[Predictor | CanaryTraffic], None],
        shadow: Shadow | None = None,
    ) -> None:
        self._rollout, self._registry = rollout, Registry(rollout.registry)
        self._make, self._metrics, self._show, self._shadow = make, metrics, show, shadow
        self._loaded = {rollout.alias: first}
        self._seen: dict[str, int | None] = {rollout.alias: int(first.bundle.version)}
        self._split: CanaryTraffic | None = None
        self._damage = ""
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="versions", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._publish()
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; what it is loading is not served any more."""
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """Read the aliases now, and serve what they point at; any thread but the one that answers may ask for it."""
        with self._lock:
            aliases = self._aliases()
            if aliases is not None:
                followed = [] if self._rollout.alias.isdigit() else [self._rollout.alias]
                changed = [self._follow(alias, aliases.get(alias)) for alias in [*followed, *self._rollout.beside]]
                if any(changed):
                    self._arrange()
            self._judge()

    def _run(self) -> None:
        while not self._stopping.wait(self._rollout.every):
            self.look()
            self._metrics.refresh()

    def _aliases(self) -> dict[str, int] | None:
        """The aliases; None when they cannot be read, which leaves everything as it is."""
        try:
            aliases, damage = self._registry.aliases(), ""
        except (ProjectError, OSError) as error:
            aliases, damage = None, str(error)
        if damage and damage != self._damage:
            LOG.error("the registry cannot be read, the version in service stays", extra={"reason": damage})
        self._damage = damage
        return aliases

    def _follow(self, alias: str, number: int | None) -> bool:
        """Load what an alias points at now; whether that changes anything."""
        leads = alias == self._rollout.alias
        if number == self._seen.get(alias) or (leads and number is None):
            return False
        # Before it is loaded: what cannot be served is then told once, and not twice a second.
        self._seen[alias] = number
        now = self._loaded.get(alias)
        if now and now.bundle.version == str(number):
            return False
        if not leads:
            self._loaded.pop(alias, None)  # unlike what leads, it must not go on under a name that it has lost
        if number is not None and (new := self._load(alias, number)):
            self._loaded[alias] = new
            return True
        return not leads and now is not None

    def _load(self, alias: str, number: int) -> Predictor | None:
        serving = self._loaded[self._rollout.alias].bundle
        try:
            bundle = Bundle.load(self._registry.path(number))
            if bundle.signature.version_of_contract != serving.signature.version_of_contract:
                hint = "its clients have to send other rows: restart the service when they do"
                raise InputError("was made for another contract", where=bundle.folder, hint=hint)  # noqa: TRY301
            return self._make(bundle)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a version, the one in service goes on
            self._metrics.swap_failures.inc()
            about = {"alias": alias, "version": str(number), "serving": serving.version, "reason": str(error)}
            LOG.error("a version cannot be served, the one in service stays", extra=about)  # noqa: TRY400
            return None

    def _arrange(self) -> None:
        """Let the versions that are loaded answer as they should."""
        if self._stopping.is_set():
            return
        leading = self._loaded[self._rollout.alias]
        shadow, canary = self._beside(self._rollout.shadow), self._beside(CANARY)
        leading.listeners = (self._shadow.of(leading, shadow),) if self._shadow and shadow else ()
        share, most = self._rollout.canary_share, self._rollout.max_psi
        self._split = CanaryTraffic(leading, canary, share, self._metrics, most) if canary else None
        self._show(self._split or leading)
        self._publish()
        self._metrics.swaps.inc()
        versions = {"shadow": shadow and shadow.bundle.version, "canary": canary and canary.bundle.version}
        LOG.info("other versions answer", extra={"version": leading.bundle.version, **versions})

    def _beside(self, alias: str) -> Predictor | None:
        """The version behind an alias, unless it is the one that leads."""
        version, leading = self._loaded.get(alias), self._loaded[self._rollout.alias]
        return version if version and version.bundle.version != leading.bundle.version else None

    def _judge(self) -> None:
        """Take the canary out of service when it departs from the version that leads."""
        reason = self._split.judge() if self._split else ""
        if not (self._split and reason):
            return
        version = self._split.canary.bundle.version
        self._loaded.pop(CANARY)
        self._arrange()
        self._metrics.canary_withdrawn.inc()
        LOG.error("the canary is taken out of service", extra={"version": version, "reason": reason})
        try:
            self._registry.withdraw(CANARY, int(version), reason)
        except ProjectError as error:
            LOG.error("the canary keeps its alias, and gets no requests here", extra={"reason": str(error)})  # noqa: TRY400

    def _publish(self) -> None:
        if self._rollout.shared:
            with suppress(ProjectError):  # a full disk; the others know an older version then
                write_atomic(self._rollout.shared / SERVING, self._loaded[self._rollout.alias].bundle.version)
