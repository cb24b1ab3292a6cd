"""Whether retraining promotes on noise, and whether it promotes when the world has changed: real months, replayed.

2013: at the end of each month a challenger that has learned from all days before the month meets the champion on it.
2023: after January to June have come, one challenger for each window meets the model of January to June 2013 on July to
December; the expanding one is judged by all 28 gates as well.
"""

import importlib
import tempfile
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PROPOSED = [8, 9, 10, 11, 12]  # at the end of July there is nothing that the model of January to June does not know
WINDOWS: dict[str, dict[str, Any]] = {
    "expanding": {},
    "sliding, 3 months": {"window": "sliding", "months": 3},
    "2023 alone": {"window": "sliding", "months": 6},
    "weighted, half-life 1 year": {"window": "weighted", "half_life": 365},
    "weighted, half-life 10 years": {"window": "weighted", "half_life": 3650},
}


def measure(project: Path) -> dict[str, Any]:
    """The decisions within 2013, and those about 2023 by window, each with its figures."""
    package = next(path.name for path in (project / "src").iterdir() if (path / "cli.py").is_file())
    replay = Replay(package, project)
    return {"2013": replay.months(), "2013_by_window": replay.by_month(), "2023": replay.new_world()}


class Replay:
    """Retrainings in registries of their own, whose champion is the model of January to June 2013."""

    def __init__(self, package: str, project: Path) -> None:
        names = (
            "settings",
            "steps",
            "challenge",
            "retraining",
            "evaluation",
            "export",
            "registry",
            "bundle",
            "training",
        )
        self.of = {name: importlib.import_module(f"{package}.{name}") for name in names}
        self.project = project
        self.config = self.of["settings"].load(project)
        self.first = self.of["steps"].bundle_folder(self.config, self.of["steps"].ensure(self.config))

    def months(self) -> list[dict[str, Any]]:
        """The decision at the end of each month of 2013; a champion that was promoted meets the next challenger."""
        with tempfile.TemporaryDirectory() as scratch:
            home = self._home(Path(scratch))
            return [self._decided(home, self._month(month), "tests_only") for month in PROPOSED]

    def by_month(self) -> list[dict[str, Any]]:
        """AUC of each month of 2013: the model of January to June, one retrained on all before, one on three months."""
        training, steps, found = self.of["training"], self.of["steps"], []
        bundle = self.of["bundle"].Bundle.load(self.first)
        for month in PROPOSED:
            row: dict[str, Any] = {"month": f"2013-{month:02}"}
            for name in ("expanding", "sliding, 3 months"):
                parts = steps.split(self._own({**self._month(month), **WINDOWS[name]}))
                pipeline = training.fit(parts.train, self.config.model)
                row[name] = self._auc(parts.test, training.predict(pipeline, self.config.model, parts.test))
            row["January to June"] = self._auc(parts.test, self.of["export"].predict(bundle, parts.test))
            found.append(row)
            print(row, flush=True)
        return found

    def new_world(self) -> dict[str, dict[str, Any]]:
        """The decision for each window, and its challenger beside the expanding one."""
        with tempfile.TemporaryDirectory() as scratch:
            decided, answers = {}, {}
            for number, (name, window) in enumerate(WINDOWS.items()):
                home = self._home(Path(scratch) / str(number))
                decided[name] = self._decided(home, window, "tests_only" if window else "all_gates")
                folder = self.of["registry"].Registry(home.paths.registry).path(decided[name]["version"])
                rows = self.of["steps"].split(self._own(window)).test
                answers[name] = self.of["export"].predict(self.of["bundle"].Bundle.load(folder), rows)
        old = self.of["export"].predict(self.of["bundle"].Bundle.load(self.first), rows)
        month = rows["day"].dt.month.to_numpy()
        for name, new in answers.items():
            against = self.of["evaluation"].compare(rows["late"], new, answers["expanding"], rows["day"])
            means = [
                np.mean([self._auc(rows[month == m], p[month == m]) for m in np.unique(month)]) for p in (new, old)
            ]
            decided[name]["against_expanding"] = asdict(against)
            decided[name]["mean_auc_of_months"] = {"challenger": float(means[0]), "champion": float(means[1])}
        return decided

    def _decided(self, home: Any, values: dict[str, Any], judge: str) -> dict[str, Any]:  # noqa: ANN401
        config = home.model_copy(update={"retraining": home.retraining.model_copy(update=values)})
        challenge = self.of["challenge"]
        record = challenge.retrain(config, self.project, judge=getattr(challenge, judge))
        comparison, said = record["comparison"], record["gates"]["verdicts"]
        told = {
            "judged": [str(day) for day in config.retraining.test],
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

    def _month(self, month: int) -> dict[str, Any]:
        start, end = date(2013, month, 1), date(2013 + month // 12, month % 12 + 1, 1)
        return {"snapshots": ("2013",), "train": (date(2013, 1, 1), start), "test": (start, end)}

    def _own(self, values: dict[str, Any]) -> Any:  # noqa: ANN401
        changed = self.config.model_copy(update={"retraining": self.config.retraining.model_copy(update=values)})
        return self.of["retraining"].of(changed)

    def _home(self, folder: Path) -> Any:  # noqa: ANN401
        """The settings with a registry of its own."""
        registry = self.of["registry"].Registry(folder / "registry")
        registry.promote(registry.copy(self.first), reason="the model of January to June")
        paths = {"registry": folder / "registry", "tracking": folder / "tracking" / "mlflow.db"}
        nowhere = {"predictions": folder / "predictions.db"}
        return self.config.model_copy(update={"paths": self.config.paths.model_copy(update={**paths, **nowhere})})

    def _auc(self, rows: pd.DataFrame, p: NDArray[np.float64]) -> float:
        return float(self.of["evaluation"].evaluate(rows["late"], p, rows["day"], draws=1).auc)
