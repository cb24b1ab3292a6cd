"""What is measured on a drafted project: the limits that its clean variants ask for, and what each feature adds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...contract.workspace import Workspace
from ...data import snapshots
from ...gates import calibrate, clean_history, feature_value
from ...model import evaluation, training

VARIANTS = ((3_000, 24), (12_000, 12))  # clean ones, up to so many rows; fewer of more
FEWEST_VARIANTS = 6
ALLOWED = 0.001  # false alarms of a limit: 20 variants and 28 gates shall be quiet
FLOOR_ROOM = {"AUC": 0.15, "R2": 0.5}  # below what the weakest slice reaches


@dataclass(frozen=True)
class Measured:
    """The limits that were found to be others, the variants, the features that add nothing, the floor of the slices."""

    limits: tuple[calibrate.Calibrated, ...]
    variants: int
    kept: dict[str, str]
    floor: float


def measure_limits(project: Workspace, rows: int, tell: Callable[[str], None]) -> Measured:
    """Measure clean variants of a drafted project that has so many `rows` in all, and its features."""
    count = next((count for most, count in VARIANTS if rows <= most), FEWEST_VARIANTS)
    figures = []
    for number, variant in enumerate(clean_history.draw_variants(project, count, 1), start=1):
        figures.append(clean_history.measure_variant(project, variant))
        tell(f"limits measured on clean variant {number} of {count}")
    found = calibrate.calibrated_limits(project.settings.limits, figures, ALLOWED)
    changed = tuple(each for each in found if each.changed)
    return Measured(changed, count, not_contributing(project), slice_floor(project))


def not_contributing(project: Workspace) -> dict[str, str]:
    """The features whose contribution is not sure on these rows, with what was measured."""
    contract, spec = project.contract, project.settings.model
    frame = snapshots.checked_features(project)
    rows = frame[frame[contract.target].notna()]
    even = rows[contract.day].isin(np.sort(rows[contract.day].unique())[::2])
    table = feature_value.contribution_table(project, rows[even], rows[~even], spec, list(spec.features))
    weak = table[(table["low"] <= 0) | (table["loss"] < project.settings.limits.least_contribution)]
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
