"""The project as one object: its folder, its settings and what its package defines. Everything takes it as an argument.

Members have the names of the commands and delegate to the module that does the work.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contract.workspace import Workspace
from . import members

if TYPE_CHECKING:
    import pandas as pd

    from ..base.errors import Verdict
    from ..contract.checks import Report
    from ..model.evaluation import Evaluation, NumberEvaluation
    from ..monitoring.watch import Watched
    from ..registry.registry import Registry
    from ..registry.releases import Release
    from ..retraining.decisions import Record
    from ..serving.batch import Summary


class Project(Workspace):
    """A project: `Project.open()` is the one that holds the working folder. Nothing of it is global.

    In a project's folder:

    >>> project = Project.open()
    >>> project.contract.key in project.contract.features.names
    True
    >>> project.settings.project.package == project.definition.sql.name
    True
    """

    @cached_property
    def data(self) -> members.Data:
        """Snapshots, features and splits."""
        return members.Data(self)

    @cached_property
    def model(self) -> members.Models:
        """Fitted models and the versions made of them."""
        return members.Models(self)

    @cached_property
    def gates(self) -> members.Gates:
        """The 28 gates of the ML Test Score and those of the project."""
        return members.Gates(self)

    @cached_property
    def drills(self) -> members.Drills:
        """Faults to plant in a copy of the project."""
        return members.Drills(self)

    @cached_property
    def service(self) -> members.Services:
        """The online service."""
        return members.Services(self)

    @cached_property
    def monitoring(self) -> members.Monitoring:
        """Windows of predictions, read by the monitors."""
        return members.Monitoring(self)

    @cached_property
    def retraining(self) -> "members.Retraining[Project]":
        """Challengers and the decisions about them."""
        return members.Retraining(self)

    @cached_property
    def registry(self) -> "Registry":
        """Versions and aliases: `list`, `promote`, `rollback`."""
        from ..registry.registry import Registry

        return Registry(self.settings.paths.registry)

    def check(self, snapshot: str = "") -> "Report":
        """Hold a snapshot, the default one without a name, against the contract."""
        from ..contract import checks

        limit = self.settings.data.checks.max_quarantined
        return checks.check_snapshot(self, self.data.connect(snapshot), max_quarantined=limit)

    def train(self) -> "Release":
        """Check, train, evaluate, test, export, register and track a model; its version, promoted or not."""
        from ..registry import releases

        return releases.train_version(self)

    def evaluate(self, version: int | str = "champion") -> "tuple[Evaluation | NumberEvaluation, pd.DataFrame]":
        """How a version does on the test period, and on its slices."""
        from ..registry import releases

        return releases.evaluate_version(self, version)

    def test_model(self, version: int | str = "champion") -> "list[Verdict]":
        """The model tests, run again on a version."""
        from ..registry import releases

        return releases.rerun_model_tests(self, version)

    def trace(self, key: str, version: int | str = "champion", snapshot: str = "") -> dict[str, Any]:
        """One prediction in all its steps, from its raw rows to its probability."""
        from ..serving import tracing

        return tracing.prediction_steps(self, self.data.connect(snapshot), self.registry.bundle(version), key)

    def features(self, source: Path, target: Path, snapshot: str = "", **options: Any) -> dict[str, Any]:
        """Check raw tables, with the repairs and sources of a snapshot, and write their features into a file."""
        from ..data import raw_tables

        return raw_tables.write_features(self, source, target, snapshot, **{"tell": print, **options})

    def score(self, source: Path, target: Path, version: int | str = "champion", **options: Any) -> "Summary":
        """Score the rows of a file in constant memory; bad rows go to quarantine."""
        from ..serving import batch

        return batch.score_file(self.registry.bundle(version), source, target, **options)

    def monitor(self, **options: Any) -> "Watched":
        """Watch the champion by its prediction log; `options` are those of `watch.monitor`, such as now and days."""
        from ..bundle.bundle import require_same_problem
        from ..monitoring import watch
        from ..monitoring.monitors import Thresholds

        options = {"monitors": self.monitors, "thresholds": Thresholds.of(self.settings.monitoring), **options}
        bundle = self.registry.path()
        require_same_problem(self.contract, bundle)
        return watch.monitor_log(bundle, self.settings.paths.predictions, **options)

    def retrain(self, why: str = "by hand") -> "Record":
        """Decide about a challenger made by [retraining]; promoted only if every verdict is green."""
        from ..retraining import retrain

        return retrain.decide_retraining(self, why=why)
