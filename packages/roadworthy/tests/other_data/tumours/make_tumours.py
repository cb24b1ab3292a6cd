"""The table of this project: 569 tumours of the breast, measured under the microscope (Wolberg and others 1993)."""

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_breast_cancer

from roadworthy.data.snapshots import seal_snapshot

MEASURED = ("radius", "texture", "smoothness", "compactness", "concavity", "concave points", "symmetry")


def make(folder: Path) -> None:
    """Write the table, as it travels inside scikit-learn, and seal it; a cell in sixteen has lost its texture."""
    data = load_breast_cancer(as_frame=True)
    columns = {name.replace(" ", "_"): data.data[f"mean {name}"] for name in MEASURED}
    columns |= {"worst_radius": data.data["worst radius"], "worst_texture": data.data["worst texture"]}
    table = pd.DataFrame(columns)
    table["texture"] = table["texture"].where(table.index % 16 != 3)
    table.insert(0, "sample", [f"S{number:03d}" for number in range(1, len(table) + 1)])
    # What is called 0 there is malignant.
    table["diagnosis"] = data.target.map({0: "malignant", 1: "benign"})
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / "samples.parquet")
    seal_snapshot(folder)
