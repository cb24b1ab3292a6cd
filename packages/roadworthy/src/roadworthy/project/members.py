"""The parts of a project by subject: each method has the name of what it gives and calls one function of the package.

They hold nothing but the project. What a method calls is imported when it is called: a notebook that only looks at data
never loads the service. `rw.show` shows the function behind a method.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..contract.workspace import Workspace

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from ..base.errors import Verdict
    from ..base.settings import Model
    from ..contract.checks import Report
    from ..data.snapshots import Split
    from ..drills.faults import Fault
    from ..drills.practice import ProjectCopy
    from ..gates.bench import Bench
    from ..gates.run import Judged
    from ..model.evaluation import Difference, Problem
    from ..model.training import Trained
    from ..monitoring.distributions import Columns
    from ..monitoring.estimates import Estimate
    from ..monitoring.monitors import Thresholds
    from ..monitoring.timeline import Timeline
    from ..monitoring.watch import Watched
    from ..registry.registry import Registry
    from ..retraining.decisions import Comparison, Record, Rule
    from ..retraining.replay import Replayed
    from ..retraining.retrain import Judge
    from ..serving.client import Service
    from ..serving.load_tests import AnswerCounts, DamagedRelease
    from ..serving.simulation import Alarm, Incident

Own = TypeVar("Own", bound=Workspace)


class Member(Generic[Own]):
    """A part of a project."""

    def __init__(self, project: Own) -> None:
        """Take the project that it is a part of."""
        self._project = project

    @property
    def _registry(self) -> "Registry":
        from ..registry.registry import Registry

        return Registry(self._project.settings.paths.registry)


# The call stands in the last line of each method: `rw.show` reads that line to find the function that it shows.
class Data(Member[Workspace]):
    """Snapshots, features and splits."""

    def connect(self, snapshot: str = "", *, repaired: bool = True) -> "duckdb.DuckDBPyConnection":
        """Open a snapshot, the default one without a name, its sums verified: a view for each table of the contract."""
        from ..data import snapshots

        source = self._project.settings.snapshot(snapshot)
        return snapshots.open_snapshot(self._project, source if repaired else source.model_copy(update={"repair": {}}))

    def check(self, tables: "duckdb.DuckDBPyConnection", *, max_quarantined: float | None = None) -> "Report":
        """Hold opened tables against the contract; a table may lose the share `max_quarantined` of its rows."""
        from ..contract import checks

        limit = self._project.settings.data.checks.max_quarantined if max_quarantined is None else max_quarantined
        return checks.check_snapshot(self._project, tables, max_quarantined=limit)

    def require(self, report: "Report", where: str = "") -> None:
        """Raise RedError, which names each check that does not hold."""
        from ..contract import checks

        return checks.require_passed(report, where)

    def describe(self, table: str) -> "pd.DataFrame":
        """The contract of a table to look at: one row per column."""
        from ..contract import checks

        return checks.describe_table(self._project.contract.table(table))

    def make_features(self, tables: "duckdb.DuckDBPyConnection") -> "pd.DataFrame":
        """The features of opened tables as they are: one row per prediction, with its label."""
        from ..data import snapshots

        return snapshots.make_features(self._project, tables)

    def features(self, *snapshots: str) -> "pd.DataFrame":
        """The features of snapshots (the default one without a name), checked, quarantined rows left out."""
        from ..data.snapshots import checked_features

        return checked_features(self._project, *snapshots)

    def split(self, frame: "pd.DataFrame | None" = None) -> "Split":
        """The labelled rows of the two periods of the settings: training ends before the test begins."""
        from ..data import snapshots

        return snapshots.split_features(self._project, frame)

    def labelled(self, frame: "pd.DataFrame", period: "tuple[date, date]") -> "pd.DataFrame":
        """The rows of a period (its end not included) whose label is known."""
        from ..data import snapshots

        return snapshots.labelled_rows(self._project.contract, frame, period)


class Models(Member[Workspace]):
    """Fitted models and the versions made of them."""

    def problem(self) -> "Problem":
        """How answers are judged, be the target yes or no or a number: `evaluate`, `compare`, and words for both."""
        from ..model import evaluation

        return evaluation.problem_of(self._project.contract)

    def fit(self, rows: "pd.DataFrame", spec: "Model | None" = None) -> "Pipeline":
        """A pipeline fitted on labelled rows, by the specification of the settings without another one."""
        from ..model import training

        return training.fit_pipeline(self._project, rows, spec or self._project.settings.model)

    def predict(self, pipeline: "Pipeline", rows: "pd.DataFrame", spec: "Model | None" = None) -> "NDArray[np.float64]":
        """The answer to each row, by a fitted pipeline: the probability of yes, or a number."""
        from ..model import training

        return training.predict(pipeline, spec or self._project.settings.model, rows)

    def train(self, split: "Split", spec: "Model | None" = None) -> "Trained":
        """Fit on the training rows, evaluate and test on the later ones; nothing is written."""
        from ..model import training

        settings = self._project.settings
        return training.train_model(self._project, split, spec or settings.model, settings.tests)

    def ensure(self, fitted: "Pipeline | None" = None) -> int:
        """The version made of the present data and settings; it is trained (or `fitted`) only if there is none yet."""
        from ..registry import releases

        return releases.ensure_version(self._project, fitted)

    def verdicts(self, version: int | str = "champion") -> "list[Verdict]":
        """What the model tests said about a version when it was made."""
        from ..registry import releases

        return releases.recorded_verdicts(self._project, version)

    def register(self, trained: "Trained", registry: "Registry | None" = None) -> int:
        """Export a trained model into a registry, the project's without another one; the number of its version."""
        from ..registry import export

        return export.register_version(trained, registry or self._registry)

    def with_threshold(self, threshold: float, version: int | str = "champion") -> int:
        """Register a copy of a version that says yes from another probability on; the number of the copy."""
        from ..registry import releases

        return releases.with_threshold(self._registry, version, threshold)


class Gates(Member[Workspace]):
    """The 28 gates of the ML Test Score and those of the project."""

    def bench(self, version: int | str = "champion") -> "Bench":
        """A version with its data, as the gates look at it; shared parts are made once."""
        from ..gates.bench import Bench

        return Bench(self._project, version)

    def run(self, bench: "Bench") -> "list[Judged]":
        """Judge all gates: about a minute of CPU."""
        from ..gates import run

        return run.run_gates(bench)

    def judge(self, name: str, bench: "Bench") -> "Judged":
        """Judge one gate, for example "Model 6"."""
        from ..gates import run

        return run.judge_named(name, bench)

    def function(self, name: str) -> "Callable[..., Any]":
        """The function behind a gate, for `rw.show(project.gates.function("Model 6"))`."""
        from ..gates import run

        return run.gate_function(name, self._project)

    def table(self, verdicts: "Sequence[Verdict | Judged]") -> "pd.DataFrame":
        """Verdicts to look at: gate, verdict (green, red, not judged), evidence."""
        from ..base import errors

        return errors.verdict_table(verdicts)

    def require(self, verdicts: "Sequence[Verdict | Judged]", where: str = "") -> None:
        """Raise RedError unless every gate is green; it names those that are not."""
        from ..base import errors

        return errors.require_green(verdicts, where=where)


class Drills(Member[Workspace]):
    """Faults to plant in a copy of the project."""

    def faults(self, *names: str) -> "list[Fault]":
        """The faults in drills/ of the project, or those named."""
        from ..drills import faults

        return faults.load_faults(self._project.folder, names)

    def copy(self, folder: Path) -> "ProjectCopy":
        """A copy of the project in which a fault may be planted: `copy.plant(fault)`, then `copy.project`."""
        from ..drills import practice

        return practice.copy_project(self._project, folder)


class Services(Member[Workspace]):
    """The online service."""

    def start(self, version: int | str = "champion", **options: Any) -> "Service":
        """Start the service in a process of its own: it has an address, and stops with `stop()` or with its block.

        `options` are those of its program, for example predictions, workers, every, registry.
        """
        from ..serving import client

        return client.Service(options.pop("registry", self._project.settings.paths.registry), version, **options)

    def questions(self, rows: "pd.DataFrame", version: int | str = "champion") -> list[dict[str, Any]]:
        """Rows of features as a client writes them into a request to a version: plain values by name."""
        from ..serving import load_tests

        return load_tests.questions_of(self._registry.bundle(version), rows)

    def compare_ways(
        self,
        service: "Service",
        rows: "pd.DataFrame",
        file: "pd.DataFrame",
        *,
        version: int | str = "champion",
        core_hour: float = 0.04,
    ) -> "pd.DataFrame":
        """What an answer costs here: one row online, many rows, in process, and `file` as a batch; a row for each way.

        `service` runs and answers by `version`; `core_hour` is the price of a core for an hour, in dollars.
        """
        from ..serving import load_tests

        return load_tests.compare_ways(service.address, self._registry.bundle(version), rows, file, core_hour)

    def swap_under_load(self, versions: "Sequence[int]", question: "Mapping[str, Any]") -> "AnswerCounts":
        """Make each version the champion in turn while a client asks without a pause: what the client was told.

        It moves the champion of this project's registry, and is meant for one of its own: `project.writing_to(folder)`.
        """
        from ..serving import load_tests

        return load_tests.swap_under_load(self._registry, versions, question)

    def promote_damaged(self, question: "Mapping[str, Any]") -> "DamagedRelease":
        """Promote a damaged copy of the champion while a client asks, and roll it back: what the client was told.

        It writes into this project's registry, and is meant for one of its own: `project.writing_to(folder)`.
        """
        from ..serving import load_tests

        return load_tests.promote_damaged(self._registry, question)


class Monitoring(Member[Workspace]):
    """Windows of predictions, read by the monitors."""

    @property
    def _thresholds(self) -> "Thresholds":
        from ..monitoring.monitors import Thresholds

        return Thresholds.of(self._project.settings.monitoring)

    def window(self, rows: "pd.DataFrame", answers: "Sequence[float] | NDArray[np.float64]") -> "Columns":
        """Rows of features with their answers as the monitors read them: columns, probability, label, day."""
        from ..monitoring import watch

        return watch.window_of_rows(self._project, rows, answers)

    def read(self, windows: "Mapping[str, Columns]", version: int | str = "champion") -> "pd.DataFrame":
        """The readings of windows against the reference of a version: a row per window, monitor and subject."""
        from ..monitoring import watch

        return watch.read_windows(self._registry.path(version), windows, self._thresholds)

    def estimates(self, windows: "Mapping[str, Columns]", version: int | str = "champion") -> "tuple[Estimate, ...]":
        """How good a version is in windows, estimated from its answers alone."""
        from ..monitoring import watch

        return watch.estimates_of(self._registry.path(version), windows, self._thresholds)

    def logged(self, version: int | str = "champion") -> tuple[int, int]:
        """How many answers and how many labels are in the prediction log, which has the columns of a version."""
        from ..monitoring import watch

        return watch.logged_counts(self._project.settings.paths.predictions, self._registry.bundle(version).signature)

    def incident(self, text: str) -> "Incident":
        """An incident of the project, written as NAME@YYYY-MM-DD."""
        from ..serving.simulation import Incident

        return Incident.parse(self._project, text)

    def happen(
        self, worlds: "Mapping[str, pd.DataFrame]", first: str, incidents: "Sequence[Incident]"
    ) -> "pd.DataFrame":
        """The rows of the world named `first`, changed by what happens to them."""
        from ..serving import simulation

        return simulation.apply_incidents(self._project.contract, worlds, first, incidents)

    def rehearse(
        self, rows: "pd.DataFrame", period: tuple[datetime, datetime], version: int | str = "champion", **options: Any
    ) -> "Watched":
        """Play rows of a period into a log that is thrown away: what the monitors say of its windows at its end."""
        from ..serving import simulation

        options = {"thresholds": self._thresholds, **options}
        return simulation.rehearse_period(self._project.contract, rows, self._registry.path(version), period, **options)

    def rung(self, timeline: "Timeline", days: int, since: datetime) -> "list[Alarm]":
        """The alarms that begin to ring in windows of `days` days that end after `since`, the first one first."""
        from ..serving import simulation

        return simulation.begun_alarms(timeline, days, since)

    def batch(
        self, rows: "Sequence[pd.DataFrame]", version: int | str = "champion"
    ) -> "dict[str, NDArray[np.generic]]":
        """What the batch path gives, for the monitor of skew: the features of a version and the key, as arrays."""
        from ..monitoring import watch

        return watch.batch_columns(self._project.contract, self._registry.bundle(version).names, rows)


# Of the project's own kind, because a challenger is such a project again, with all of its members.
class Retraining(Member[Own]):
    """Challengers (projects of the same kind), the rules that ask for one, and the decisions about them."""

    def challenger(self, **changes: Any) -> Own:
        """The project under the settings that make and judge a challenger, [retraining] with some `changes`."""
        from ..base import settings

        return self._project.using(settings.challenger_settings(self._project.settings, **changes))

    def rules(self, **options: Any) -> "tuple[Rule, ...]":
        """What each rule says now: alarms of the log, the champion's age, new labelled days."""
        from ..retraining import decisions

        project = self._project
        return decisions.retraining_rules(project, self._registry.path(), project.settings.paths.predictions, **options)

    def run(self, *, judge: "Judge | None" = None, tests_only: bool = False, why: str = "by hand") -> "Record":
        """Decide about a challenger in recorded phases; promoted only if every verdict is green.

        With `tests_only` the tests of the training judge, and no gate: for practice, where a minute is too long.
        """
        from ..retraining import retrain

        chosen = judge or (retrain.tests_only if tests_only else retrain.all_gates)
        return retrain.decide_retraining(self._project, why=why, judge=chosen)

    def better(self, difference: "Difference") -> "Verdict":
        """Whether a challenger is better than the champion beyond chance."""
        from ..retraining import decisions

        return decisions.better_than_champion(difference)

    def verdicts(self, record: "Record") -> "list[Verdict]":
        """Everything that was said about the challenger of a decision: gates, comparison, shadow."""
        from ..retraining import decisions

        return decisions.decision_verdicts(record)

    def comparison(self, record: "Record") -> "Comparison":
        """The meeting of challenger and champion that a decision recorded."""
        from ..retraining.decisions import Comparison

        return Comparison.of(record["comparison"])

    def replay(self, number: int) -> "Replayed":
        """Make a recorded decision again, with the code of now; nothing changes."""
        from ..retraining import replay

        return replay.replay_decision(self._project, number)
