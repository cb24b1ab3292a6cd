"""Whether retraining promotes on noise, and whether it promotes when the world has changed: real months, replayed.

2013: at the end of each month a challenger that has learned from all days before the month meets the champion on it.
2023: after January to June have come, one challenger for each window meets the model of January to June 2013 on July to
December; the expanding one is judged by all 28 gates as well.
"""

import tempfile
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import roadworthy as rw
from numpy.typing import NDArray
from roadworthy.retraining import retrain

PROPOSED = [8, 9, 10, 11, 12]  # at the end of July there is nothing that the model of January to June does not know
WINDOWS: dict[str, dict[str, Any]] = {
    "expanding": {},
    "sliding, 3 months": {"window": "sliding", "months": 3},
    "2023 alone": {"window": "sliding", "months": 6},
    "weighted, half-life 1 year": {"window": "weighted", "half_life": 365},
    "weighted, half-life 10 years": {"window": "weighted", "half_life": 3650},
}


def measure(project: rw.Project) -> dict[str, Any]:
    """The decisions within 2013, and those about 2023 by window, each with its figures."""
    replay = Replay(project)
    return {"2013": replay.months(), "2013_by_window": replay.by_month(), "2023": replay.new_world()}


class Replay:
    """Retrainings in registries of their own, whose champion is the model of January to June 2013."""

    def __init__(self, project: rw.Project) -> None:
        self.project, self.first = project, project.model.ensure()

    def months(self) -> list[dict[str, Any]]:
        """The decision at the end of each month of 2013; a champion that was promoted meets the next challenger."""
        with tempfile.TemporaryDirectory() as scratch:
            apart = self._apart(Path(scratch))
            return [_decided(apart, _month(month)) for month in PROPOSED]

    def by_month(self) -> list[dict[str, Any]]:
        """AUC of each month of 2013: the model of January to June, one retrained on all before, one on three months."""
        bundle, found = self.project.registry.bundle(self.first), []
        for month in PROPOSED:
            row: dict[str, Any] = {"month": f"2013-{month:02}"}
            for name in ("expanding", "sliding, 3 months"):
                challenger = self.project.retraining.challenger(**{**_month(month), **WINDOWS[name]})
                parts = challenger.data.split()
                pipeline = challenger.model.fit(parts.train)
                row[name] = _auc(parts.test, challenger.model.predict(pipeline, parts.test))
            row["January to June"] = _auc(parts.test, rw.predict(bundle, parts.test))
            found.append(row)
            print(row, flush=True)
        return found

    def new_world(self) -> dict[str, dict[str, Any]]:
        """The decision for each window, and its challenger beside the expanding one."""
        with tempfile.TemporaryDirectory() as scratch:
            decided, answers = {}, {}
            for number, (name, window) in enumerate(WINDOWS.items()):
                apart = self._apart(Path(scratch) / str(number))
                decided[name] = _decided(apart, window, retrain.tests_only if window else retrain.all_gates)
                rows = apart.retraining.challenger(**window).data.split().test
                answers[name] = rw.predict(apart.registry.bundle(decided[name]["version"]), rows)
        old = rw.predict(self.project.registry.bundle(self.first), rows)
        month = rows["day"].dt.month.to_numpy()
        for name, new in answers.items():
            against = rw.compare(rows["late"], new, answers["expanding"], rows["day"])
            means = [np.mean([_auc(rows[month == m], p[month == m]) for m in np.unique(month)]) for p in (new, old)]
            decided[name]["against_expanding"] = asdict(against)
            decided[name]["mean_auc_of_months"] = {"challenger": float(means[0]), "champion": float(means[1])}
        return decided

    def _apart(self, folder: Path) -> rw.Project:
        """The project with a registry of its own."""
        apart = self.project.writing_to(folder)
        first = apart.registry.copy(self.project.registry.path(self.first))
        apart.registry.promote(first, reason="the model of January to June")
        return apart


def _decided(project: rw.Project, values: dict[str, Any], judge: retrain.Judge = retrain.tests_only) -> dict[str, Any]:
    """The decision about a challenger by [retraining] with other `values`."""
    parts = project.settings.retraining.model_copy(update=values)
    record = project.using(project.settings.model_copy(update={"retraining": parts})).retraining.run(judge=judge)
    comparison, said = record["comparison"], record["gates"]["verdicts"]
    told = {
        "judged": [str(day) for day in parts.test],
        "champion": record.plan["champion"],
        "version": record["training"]["version"],
        "promoted": record.outcome["promoted"],
        "reason": record.outcome["reason"],
        "difference": comparison["difference"],
        "auc": [comparison[side]["auc"] for side in ("challenger", "champion")],
        "brier": [comparison[side]["brier"] for side in ("challenger", "champion")],
        "gates": f"{sum(bool(each['passed']) for each in said)} of {len(said)} green, {record['gates']['by']}",
    }
    print(values, told["promoted"], told["difference"], told["reason"], told["gates"], flush=True)
    return told


def _month(month: int) -> dict[str, Any]:
    start, end = date(2013, month, 1), date(2013 + month // 12, month % 12 + 1, 1)
    return {"snapshots": ("2013",), "train": (date(2013, 1, 1), start), "test": (start, end)}


def _auc(rows: pd.DataFrame, p: NDArray[np.float64]) -> float:
    return float(rw.evaluate(rows["late"], p, rows["day"], draws=1).auc)
