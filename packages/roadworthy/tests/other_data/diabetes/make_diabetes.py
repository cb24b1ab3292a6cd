"""The table of this project: 442 people with diabetes, and how far it had come a year later (Efron and others 2004)."""

from pathlib import Path

from sklearn.datasets import load_diabetes

from roadworthy.data.snapshots import seal_snapshot

NAMES = {"bp": "blood_pressure", "s1": "cholesterol", "s2": "ldl", "s3": "hdl", "s5": "log_lipids", "s6": "glucose"}


def make(folder: Path) -> None:
    """Write the table, as it travels inside scikit-learn, and seal it."""
    data = load_diabetes(as_frame=True, scaled=False)
    table = data.frame.rename(columns=NAMES).drop(columns="s4")
    table.insert(0, "patient", [f"P{number:03d}" for number in range(1, len(table) + 1)])
    table["sex"] = table["sex"].map({1.0: "first", 2.0: "second"})
    table = table.rename(columns={"target": "progression"})
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "patients.parquet")
    seal_snapshot(folder)
