"""What is measured on a drafted project: the limits that its clean variants ask for, and what each feature adds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...base.errors import InputError
from ...contract import checks
from ...contract.workspace import Workspace
from ...data import snapshots
from ...gates import calibrate, clean_history, feature_value
from ...model import evaluation, training

VARIANTS = ((3_000, 24), (12_000, 12))  # clean ones, up to so many rows; fewer of more
FEWEST_VARIANTS = 6
ALLOWED = 0.001  # false alarms of a limit: 20 variants and 28 gates shall be quiet
# The checks that rows may fail for good reasons, such as a closed week: the limit, and its most lenient value.
LET_PASS: dict[str, tuple[str, float]] = {
    "no week is thin": ("min_week_rows", 0.0),
    "no week lacks values": ("null_more", 1.0),
    "no category disappears": ("max_gap", 3650),
    "no part is in quarantine": ("max_lost", 1.0),
}
FLOOR_ROOM = {"AUC": 0.15, "R2": 0.5}  # below what the weakest slice reaches


@dataclass(frozen=True)
class Measured:
    """What was found: other limits, the variants, the features that add nothing, the floor of the slices.

    tables: limits of tables that the delivered rows do not keep, each with the value that lets them pass, and why.
    """

    limits: tuple[calibrate.Calibrated, ...]
    tables: dict[str, tuple[float, str]]
    variants: int
    kept: dict[str, str]
    floor: float


def measure_limits(project: Workspace, rows: int, tell: Callable[[str], None]) -> Measured:
    """Measure clean variants of a drafted project that has so many `rows` in all, and its features."""
    tables = limits_of_tables(project)
    limits = project.settings.limits.model_copy(update={name: value for name, (value, _) in tables.items()})
    project = project.using(project.settings.model_copy(update={"limits": limits}))
    count = next((count for most, count in VARIANTS if rows <= most), FEWEST_VARIANTS)
    figures = []
    for number, variant in enumerate(clean_history.draw_variants(project, count, 1), start=1):
        figures.append(clean_history.measure_variant(project, variant))
        tell(f"limits measured on clean variant {number} of {count}")
    found = calibrate.calibrated_limits(project.settings.limits, figures, ALLOWED)
    changed = tuple(each for each in found if each.changed)
    return Measured(changed, tables, count, not_contributing(project), slice_floor(project))


def limits_of_tables(project: Workspace) -> dict[str, tuple[float, str]]:
    """The limits of tables that the rows of the draft do not keep, each with a value that lets them pass, and why.

    InputError for what no limit can let pass.
    """
    connection = snapshots.open_snapshot(project, project.settings.snapshot())
    report = checks.check_snapshot(project, connection, max_quarantined=project.settings.data.checks.max_quarantined)
    failed = [finding for finding in report.findings if not finding.passed]
    if others := [finding for finding in failed if finding.check not in LET_PASS]:
        what = f"does not keep the contract that was drafted from it: {others[0].check}: {others[0].evidence}"
        raise InputError(what, where=others[0].table, hint="look at these values in the file, and correct them")
    return {LET_PASS[each.check][0]: (LET_PASS[each.check][1], f"adopt: {each.evidence}") for each in failed}


def not_contributing(project: Workspace) -> dict[str, str]:
    """The features whose contribution is not sure on these rows, with what was measured."""
    contract, spec = project.contract, project.settings.model
    frame = snapshots.checked_features(project)
    rows = frame[frame[contract.target].notna()]
    even = rows[contract.day].isin(np.sort(rows[contract.day].unique())[::2])
    table = feature_value.contribution_table(project, rows[even], rows[~even], spec, list(spec.features))
    # By twice the limit: the gate asks other rows.
    weak = table[(table["low"] <= 0) | (table["high"] < 2 * project.settings.limits.least_contribution)]
    what = evaluation.problem_of(contract).quality
    return {str(row.Index): f"{what} {row.loss:+.4f} [{row.low:+.4f}, {row.high:+.4f}]" for row in weak.itertuples()}


def slice_floor(project: Workspace) -> float:
    """What the weakest slice of the test reaches, and some room below it."""
    problem, contract = evaluation.problem_of(project.contract), project.contract
    split = snapshots.split_features(project)
    trained = training.train_model(project, split, project.settings.model, project.settings.tests)
    labels = split.test[contract.target].to_numpy(dtype=np.float64)
    names = project.settings.tests.slices
    table = evaluation.slices(split.test, names, labels, trained.answers, split.test[contract.day], problem)
    if table.empty:
        return problem.no_skill
    weakest = float(table[problem.quality.lower()].min()) - FLOOR_ROOM[problem.quality]
    return round(min(weakest, 0.5), 2) if problem.regression else round(max(weakest, 0.5), 2)
