"""A retraining from the snapshot to the decision: phases that are recorded when they are complete.

A process that is killed leaves champion and registry as they were; the next call goes on after the last finished phase
if nothing that the decision depends on has changed, and begins anew otherwise.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import settings
from ..base.databases import Postgres
from ..base.errors import RedError, Verdict
from ..base.files import exclusive_lock, file_sha256
from ..base.source_code import files_behind
from ..bundle.bundle import Bundle, frame_columns, require_same_problem
from ..data import snapshots
from ..gates.specification import git_state
from ..model import training
from ..registry import export, releases
from ..registry.registry import CHALLENGER, CHAMPION, Registry
from ..serving import shadow
from . import decisions, model_card
from .decisions import Decisions, Record, decision_verdicts, rule_on_challenger

if TYPE_CHECKING:
    from ..contract.workspace import Workspace

Judge = Callable[["Workspace", int], Sequence[Verdict]]
Tell = Callable[[str, int, int], None]


def all_gates(project: "Workspace", version: int) -> Sequence[Verdict]:
    """The 28 gates on a version, on days that it has not seen: about a minute."""
    from ..gates import run

    return run.judge_version(project, version).verdicts


def tests_only(project: "Workspace", version: int) -> Sequence[Verdict]:
    """No gate but the model tests of the training: for lessons and practice, where a minute is too long."""
    return releases.recorded_verdicts(project, version)


def decide_retraining(
    project: "Workspace",
    *,
    why: str = "by hand",
    again: bool = False,
    judge: Judge = all_gates,
    log: Path | Postgres | None = None,
    until: datetime | None = None,
    tell: Tell | None = None,
) -> Record:
    """Decide about a challenger made by [retraining]: the record of the decision, which says whether it was promoted.

    What was decided before on the same data, settings, code and champion is not decided `again` unless that is wanted.
    `log` and `until`: which requests the challenger answers in the shadow. Raises InputError without a champion or
    while another retraining is at work, RedError when the data do not keep the contract.
    """
    own = project.using(settings.challenger_settings(project.settings))
    recorded, plan = Decisions(project.settings.paths.registry), plan_of(project, own, why)
    recorded.folder.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(recorded.folder / ".lock"):
        # Under the lock: two that ask at the same time would both find nothing, and both train and promote.
        known = _latest(recorded, plan)
        if known and not known.open and not again:
            return known
        record = known if known and known.open else None
        for other in recorded.all():
            # It depends on other data, settings or another champion than there are now, so nothing can go on with it.
            if other.open and (record is None or other.number != record.number):
                other.close(promoted=False, reason="another retraining began", ended="abandoned")
        record = record or recorded.begin(plan)
        requests, until = log or project.settings.paths.predictions, until or datetime.now(UTC)
        return DecisionWork(project, own, record, judge, requests, until).run(tell)


def earlier_decision(project: "Workspace") -> Record | None:
    """The closed decision on the present data, settings, code and champion, if there is one."""
    plan = plan_of(project, project.using(settings.challenger_settings(project.settings)), "")
    known = _latest(Decisions(project.settings.paths.registry), plan)
    return known if known and not known.open else None


def plan_of(project: "Workspace", own: "Workspace", why: str) -> dict[str, Any]:
    """What a decision depends on, as plain values: lineage, champion, code, window; beside it the commit and why."""
    config = project.settings.retraining
    window = {"sliding": {"months": config.months}, "weighted": {"half_life": config.half_life}}.get(config.window, {})
    registry = Registry(project.settings.paths.registry)
    require_same_problem(project.contract, registry.path(CHAMPION))
    return {
        "champion": registry.resolve(CHAMPION),
        "window": {"kind": config.window, **window},
        # As it comes back from the record: tuples are lists there, and would differ from it for ever.
        "lineage": json.loads(json.dumps(training.project_lineage(own))),
        "settings": {
            "data": own.settings.data.model_dump(mode="json", include={"snapshot", "earlier"}),
            **{
                name: getattr(own.settings, name).model_dump(mode="json")
                for name in ("split", "model", "tests", "limits")
            },
        },
        "code": decision_code(),
        "commit": git_state(project)[0],
        "why": why,
    }


def decision_code() -> str:
    """A sum over the files of the library behind features, training and comparison."""
    files = files_behind(training.train_and_evaluate, decisions.compare_with_champion, export.write_bundle)
    return hashlib.sha256(repr([(path.name, file_sha256(path)) for path in files]).encode()).hexdigest()


@dataclass
class DecisionWork:
    """One decision at work: under the settings of the project, and under those of the challenger, `own`."""

    project: "Workspace"
    own: "Workspace"
    record: Record
    judge: Judge
    log: Path | Postgres
    until: datetime

    @property
    def registry(self) -> Registry:
        """Where the versions are."""
        return Registry(self.project.settings.paths.registry)

    @property
    def champion(self) -> int:
        """The number of the version that the challenger meets."""
        return int(self.record.plan["champion"])

    @cached_property
    def split(self) -> snapshots.Split:
        """The rows that the challenger learns from, and those on which it meets the champion."""
        return snapshots.split_features(self.own, section="retraining")

    @property
    def version(self) -> int:
        """The challenger's number."""
        return int(self.record["training"]["version"])

    def run(self, tell: Tell | None = None) -> Record:
        """Go through the phases that are not finished yet, and end the decision."""
        for number, phase in enumerate(decisions.PHASES, start=1):
            if tell:
                tell(phase, number, len(decisions.PHASES))
            if phase not in self.record:
                try:
                    result = getattr(self, phase)()
                # What is red ends a decision; whatever else stops it leaves it open, and the next call goes on.
                except RedError as error:
                    self.record.close(promoted=False, reason=f"{phase}: {error}", ended="stopped")
                    raise
                self.record.finish(phase, result)
        self.record.close(**self.record["promotion"])
        return self.record

    def snapshot(self) -> dict[str, Any]:
        """Compare every file with its recorded sum."""
        config = self.own.settings
        names = [*config.data.earlier, config.data.snapshot]
        return {"sums": {name: snapshots.sums_of(self.own, config.snapshot(name), verified=True) for name in names}}

    def checks(self) -> dict[str, Any]:
        """Check the data against the contract, and count what is left to learn from and to judge on."""
        rows = {"train": self.split.train, "test": self.split.test}
        return {name: model_card.describe_rows(self.project.contract, part) for name, part in rows.items()}

    def training(self) -> dict[str, Any]:
        """Train the challenger and register it; the same content is never registered twice."""
        trained = training.train_and_evaluate(self.own)
        version = export.register_version(trained, self.registry)
        manifest = Bundle.load(self.registry.path(version)).manifest
        return {"version": version, "sums": manifest["sha256"], "metrics": trained.evaluation.to_dict()}

    def tracking(self) -> dict[str, Any]:
        """Track the training, once."""
        name = f"retrain version {self.version}, decision {self.record.number}"
        metrics = self.record["training"]["metrics"]
        # A kill before the phase is recorded lets it run twice, and a run must not be tracked twice.
        return {"run": releases.track_version(self.own, self.version, name, metrics, once=True)}

    def gates(self) -> dict[str, Any]:
        """Judge the challenger by the gates."""
        verdicts = self.judge(self.project, self.version)
        return {"by": self.judge.__name__, "verdicts": [verdict.to_dict() for verdict in verdicts]}

    def comparison(self) -> dict[str, Any]:
        """Meet the champion on the newest labelled days, in all and on every slice."""
        comparison, verdicts = decisions.compare_bundles(self.own, self.split.test, *self._bundles())
        return {**comparison.to_dict(), "verdicts": [verdict.to_dict() for verdict in verdicts]}

    def shadow(self) -> dict[str, Any]:
        """Let the challenger answer beside the champion; from here on the service may have it as its shadow."""
        challenger, champion = self._bundles()
        source, columns = shadow.newest_requests(self.log, champion, self.until) or (
            "the days of the comparison",
            frame_columns(snapshots.thin_rows(self.split.test, shadow.MOST), champion.names),
        )
        compared = shadow.compare_in_shadow(champion, challenger, source, columns)
        self.registry.promote(self.version, CHALLENGER, f"decision {self.record.number}")
        return {**vars(compared), "verdicts": [shadow.shadow_is_sound(compared, self.own.settings.limits).to_dict()]}

    def card(self) -> dict[str, Any]:
        """Write the model card; without one, nothing is promoted."""
        page = model_card.write_card(
            self.project.contract, self.record, self.own.settings, self.project.settings.gates.max_age_days
        )
        return {"files": [page.name, page.with_suffix(".json").name]}

    def promotion(self) -> dict[str, Any]:
        """Promote the challenger if every verdict is green; otherwise it stays one, with the reason."""
        verdicts = decision_verdicts(self.record)
        promoted, reason = rule_on_challenger(verdicts)
        if any(verdict.waived for verdict in verdicts):
            self.card()  # a waiver may have ended since it was written
        if promoted:
            # After a kill right behind it this is done again, which changes neither alias nor history.
            self.registry.promote(self.version, reason=f"decision {self.record.number}: {reason}")
        return {"promoted": promoted, "reason": reason}

    def _bundles(self) -> tuple[Bundle, Bundle]:
        return self.registry.bundle(self.version), self.registry.bundle(self.champion)


def _latest(recorded: Decisions, plan: Mapping[str, Any]) -> Record | None:
    """The newest decision about the same: an abandoned or stopped one does not count."""
    for record in reversed(recorded.all()):
        finished = record.outcome is None or record.outcome["ended"] == "decided"
        if finished and _same(record, plan):
            return record
    return None


def _same(record: Record, plan: Mapping[str, Any]) -> bool:
    """Whether a decision is about what `plan` says. The champion may be its own challenger by now: it was promoted."""
    before = record.plan
    champions = {before["champion"], *([record["training"]["version"]] if "card" in record else [])}
    alike = all(before.get(name) == plan[name] for name in ("lineage", "window", "code"))
    return alike and plan["champion"] in champions
