"""However a run or a kernel ends, it is said within seconds, and nothing is left running."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import psutil
import pytest

from lessons_made import command, environment, make_project, record, started, write_lesson

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
]
Start = Callable[..., subprocess.Popen[str]]
FORKS = ["0"] + (["1"] if sys.platform == "linux" else [])
FAMILY = """
import os, pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
part = pathlib.Path("pids.part")
part.write_text(f"{os.getpid()} {child.pid}")
_ = part.rename("pids")
"""
SLEEP = "import time\ntime.sleep(300)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project with a lesson that is quick and one that starts a child."""
    home = make_project(tmp_path / "project")
    write_lesson(home, "00_quick", "1 + 1")
    write_lesson(home, "01_long", FAMILY, SLEEP)
    return home


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """Begin a command in that project; what a test that fails leaves running is ended."""
    begun: list[subprocess.Popen[str]] = []

    def start(*words: str, **more: str) -> subprocess.Popen[str]:
        begun.append(started(home, *words, **more))
        return begun[-1]

    yield start
    for run in begun:
        if run.poll() is None:
            for process in [*psutil.Process(run.pid).children(recursive=True), run]:
                process.kill()
            run.communicate()


def eventually(holds: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it holds within so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def family(home: Path) -> list[psutil.Process]:
    """The kernel of the long lesson and its child, once they are there; none if they have ended already."""
    pids = home / "notebooks" / "pids"
    assert eventually(pids.is_file)
    return [psutil.Process(int(pid)) for pid in pids.read_text().split() if psutil.pid_exists(int(pid))]


def texts(notebook: Path) -> list[str]:
    """What the cells of a notebook have printed."""
    outputs = [output for cell in nbformat.read(notebook, 4).cells for output in cell.outputs]
    return [output["text"] for output in outputs if output["output_type"] == "stream"]


def ended(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


@pytest.mark.parametrize(("number", "fork"), [(signal.SIGINT, "0"), (signal.SIGTERM, FORKS[-1])])
def test_an_interrupted_run_ends_its_kernel_and_keeps_the_notebook(
    home: Path, start: Start, number: int, fork: str
) -> None:
    run = start("run", MLE_FORK=fork)
    processes = [*family(home), *psutil.Process(run.pid).children(recursive=True)]
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "interrupted; what was complete is kept" in said
    assert "Traceback" not in said
    assert ended(processes)
    assert {name: step["state"] for name, step in record(home).items()} == {"00_quick": "done", "01_long": "stopped"}
    assert next((home / "runs").glob("*/01_long.ipynb")).is_file()


@pytest.mark.parametrize("fork", FORKS)
def test_a_killed_run_takes_its_kernel_with_it(home: Path, start: Start, fork: str) -> None:
    run = start("run", MLE_FORK=fork)
    kernel, child = family(home)
    run.kill()
    run.communicate()
    try:
        assert eventually(lambda: ended([kernel]), 10)
        # Without a forkserver nobody is left who could end what the kernel has started.
        assert fork == "0" or eventually(lambda: ended([child]), 10)
    finally:
        if not ended([child]):
            child.kill()


@pytest.mark.parametrize(("death", "fork"), [("os._exit(3)", "0"), ("os.kill(os.getpid(), 9)", FORKS[-1])])
def test_a_dead_kernel_is_reported_within_seconds_and_leaves_no_child(
    home: Path, start: Start, death: str, fork: str
) -> None:
    write_lesson(home, "01_long", FAMILY, f"import os\n{death}", SLEEP)
    run = start("run", MLE_FORK=fork)
    processes = family(home)
    died = time.monotonic()
    _, said = run.communicate(timeout=60)
    assert time.monotonic() - died < 20
    assert run.returncode == 1
    assert "lesson 01_long, cell 3: the kernel died" in said
    assert ended(processes)


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")
def test_kernels_are_forked_from_one_process_that_has_imported_the_slow_packages(home: Path) -> None:
    asked = "import numpy, sys\nprint('sklearn.ensemble' in sys.modules, 'mlflow' in sys.modules)"
    drawn = "print(numpy.random.random())"
    write_lesson(home, "00_quick", asked, drawn)
    write_lesson(home, "01_long", asked, drawn)
    assert command(home, "run", MLE_FORK="1").returncode == 0
    printed = [texts(path) for path in sorted((home / "runs").glob("*/*.ipynb"))]
    assert [text[0] for text in printed] == ["True True\n"] * 2
    assert printed[0][1] != printed[1][1], "each kernel draws its own numbers"


@pytest.mark.parametrize("fork", ["0", "1"], ids=["on its own", "forked"])
def test_a_lesson_leaves_no_temporary_files(home: Path, fork: str) -> None:
    made = "import pathlib, tempfile\nfolder = tempfile.mkdtemp()\npathlib.Path('where.txt').write_text(folder)"
    write_lesson(home, "00_a", made)
    assert command(home, "run", "00_a", MLE_FORK=fork).returncode == 0
    folder = Path((home / "notebooks" / "where.txt").read_text(encoding="utf-8"))
    assert folder.parent.name.startswith("lesson-")
    assert not folder.parent.exists()


def test_a_child_that_a_finished_lesson_left_is_ended(home: Path) -> None:
    write_lesson(home, "01_long", FAMILY)
    assert command(home, "run", "01").returncode == 0
    assert ended(family(home))


def test_a_cell_that_never_lets_go_is_ended_too(home: Path, start: Start) -> None:
    # One call into C that keeps the interpreter's lock, so that the kernel cannot answer.
    write_lesson(home, "01_long", FAMILY, "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')")
    run = start("run", "01")
    processes = family(home)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=60)
    assert run.returncode == 130
    assert ended(processes)


def small_files() -> None:
    """No file may become larger than 30 kB: writing more fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))


def test_a_full_disk_ends_the_run_with_a_sentence(home: Path) -> None:
    write_lesson(home, "01_long", "1 + 1", "print('x' * 100_000)")
    done = subprocess.run(
        [sys.executable, "-m", "roadworthy", "run", "01"],
        env=environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=small_files,
    )
    assert done.returncode == 2, done.stderr
    assert "01_long.ipynb: cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written_ends_the_run_before_it_starts(home: Path) -> None:
    (home / "runs").write_text("a file where the folder should be")
    done = command(home, "run")
    assert done.returncode == 2
    assert str(home / "runs") in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in home.iterdir()) == ["config.toml", "notebooks", "runs"]
