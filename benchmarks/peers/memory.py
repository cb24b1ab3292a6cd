"""The most memory that this process has had, in kB."""

import resource
import sys
from pathlib import Path


def peak() -> int:
    """On Linux VmHWM, which begins with the program: ru_maxrss of a forked process is at least its parent's."""
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
