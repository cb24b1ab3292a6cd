"""Measure in the generated project whose Python runs this, and write results.json.

build/flight-delays/.venv/bin/python benchmarks [NAME …]
"""

import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import batch
import cluster
import drift
import endurance
import learning
import matplotlib as mpl
import notebooks_vs_script
import pictures
import replay
import retraining
import roadworthy as rw
import serving

HERE = Path(__file__).resolve().parent
mpl.rcParams["svg.hashsalt"] = "benchmarks"  # the same figures give the same picture, byte for byte
MEASURES: dict[str, Callable[[rw.Project], Any]] = {
    "serving": lambda project: serving.measure(project, 5),
    "endurance": endurance.measure,
    "drift": lambda project: drift.measure(project, 5),
    "cluster": cluster.measure,
    "batch": lambda project: batch.measure(project, 3),
    "replay": replay.measure,
    "retraining": retraining.measure,
    "learning": learning.measure,
    "notebooks_vs_script": lambda project: notebooks_vs_script.measure(project, 3),
}


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all of them, and keep what each measured as soon as it is known."""
    unknown = set(names) - set(MEASURES)
    if unknown:
        sys.exit(f"Error: no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(MEASURES)}")
    file = HERE / "results.json"
    results = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    project = rw.Project.open(Path(sys.prefix).parent)
    results["machine"] = {"system": platform.system(), "python": platform.python_version()}
    for name in names or MEASURES:
        results[name] = MEASURES[name](project)
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    pictures.draw(results, HERE)
    if "replay" in results:
        replay.draw(results["replay"], HERE)
    print(f"Written to {file}")


if __name__ == "__main__":
    main(sys.argv[1:])
