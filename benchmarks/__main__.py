"""Measure in the generated project whose Python runs this, and write results.json.

build/flight-delays/.venv/bin/python benchmarks [REPETITIONS]
"""

import json
import platform
import sys
from pathlib import Path

from notebooks_vs_script import measure

HERE = Path(__file__).resolve().parent


def main(repetitions: int = 3) -> None:
    """Run every benchmark in turn."""
    project = Path(sys.prefix).parent
    results = {
        "machine": {"system": platform.system(), "python": platform.python_version()},
        "notebooks_vs_script": measure(project, repetitions),
    }
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"Median ratio {results['notebooks_vs_script']['median_ratio']:.2f}, written to {HERE / 'results.json'}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
