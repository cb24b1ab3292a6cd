"""A service that runs while the registry changes: which version answers, and what."""

from pathlib import Path

from ..bundle import Bundle
from ..registry import Registry
from ..service import Rollout, create_app


class Running:
    """The application as the service runs it, without its threads: it looks at the registry when it is told to.

    It is asked for the golden rows of the version with which it began, which every version of its contract takes.
    """

    def __init__(self, registry: Path) -> None:
        """Begin with the champion of `registry`."""
        bundle = Bundle.load(Registry(registry).path())
        self.rows = [record["features"] for record in bundle.golden]
        self.app = create_app(bundle, rollout=Rollout(registry))

    def look(self) -> tuple[int, list[float]]:
        """The version that answers once the service has looked at the registry, and its answers, (rows,)."""
        self.app.state.versions.look()
        predictor = self.app.state.predictor
        return int(predictor.bundle.version), predictor.predict(self.rows, "rehearsal")
