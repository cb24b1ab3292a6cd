"""Measure in the generated project whose Python runs this, and write results.json.

build/flight-delays/.venv/bin/python benchmarks [REPETITIONS]
"""

import json
import platform
import sys
from pathlib import Path
from typing import Any

import batch
import notebooks_vs_script

HERE = Path(__file__).resolve().parent


def main(repetitions: int = 3) -> None:
    """Run every benchmark in turn."""
    project = Path(sys.prefix).parent
    results: dict[str, Any] = {
        "machine": {"system": platform.system(), "python": platform.python_version()},
        "batch": batch.measure(project, repetitions),
        "notebooks_vs_script": notebooks_vs_script.measure(project, repetitions),
    }
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    told = {
        "score of 3.4 million rows, rows/s of scikit-learn on pandas": results["batch"]["rows_3m"]["median_ratio"],
        "notebooks, CPU time of a script": results["notebooks_vs_script"]["median_ratio"],
    }
    for what, ratio in told.items():
        print(f"{what}: {ratio:.2f} times")
    print(f"Written to {HERE / 'results.json'}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
