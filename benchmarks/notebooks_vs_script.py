"""What notebooks cost: CPU time of the command `run`, against one script that makes the same calls.

Both train anew (registry and tracking are removed before), with one OpenMP thread, and are measured in turn. CPU time
is user and system time of the whole tree of processes.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import roadworthy as rw

HEADER = "import os\nos.chdir({folder!r})\n"
CELL = "exec(compile({source!r}, {name!r}, 'exec'), {namespace})\n"


def script(notebooks: Path) -> str:
    """One program with the code cells of all lessons, each lesson in a namespace of its own."""
    parts = [HEADER.format(folder=str(notebooks))]
    for path in sorted(notebooks.glob("*.ipynb")):
        namespace = f"names_{path.stem}"
        parts.append(f"{namespace} = {{'__name__': {path.stem!r}}}\n")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for number, cell in enumerate(cells):
            if cell["cell_type"] == "code":
                name = f"{path.stem}, cell {number}"
                parts.append(CELL.format(source="".join(cell["source"]), name=name, namespace=namespace))
    return "".join(parts)


def cpu_seconds(command: list[str], project: Path) -> float:
    """CPU time of a command and of every process it waited for, in a project without a registry."""
    for made in ("registry", "tracking"):
        shutil.rmtree(project / made, ignore_errors=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MLE_HOME": str(project)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=project, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def measure(project: rw.Project, repetitions: int) -> dict[str, object]:
    """CPU seconds of the run and of the script, in turn, and the median of their ratios."""
    pairs = []
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch) / "script.py"
        program.write_text(script(project.folder / "notebooks"), encoding="utf-8")
        for number in range(repetitions):
            run = cpu_seconds([sys.executable, "-m", "roadworthy", "run"], project.folder)
            plain = cpu_seconds([sys.executable, str(program)], project.folder)
            pairs.append({"run": round(run, 1), "script": round(plain, 1), "ratio": round(run / plain, 3)})
            print(
                f"repetition {number + 1}: run {run:.0f} s, script {plain:.0f} s, ratio {run / plain:.2f}", flush=True
            )
    return {"cpu_seconds": pairs, "median_ratio": statistics.median(pair["ratio"] for pair in pairs)}
