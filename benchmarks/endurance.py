"""Ten minutes at 70 % of what the service can do: no error, no growth of memory.

First the limit is measured, then how long each connection must wait between its requests to give that share.
"""

import tempfile
from pathlib import Path
from typing import Any

import contestants
import load
import roadworthy as rw

MINUTES = 10
SHARE = 0.7


def measure(project: rw.Project, minutes: int = MINUTES) -> dict[str, Any]:
    """The limit, the load that was borne, the answers that were none, and the memory after each minute in MB."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        (server, *_), rows, _ = contestants.prepare(project, scratch)
        load.processor(0)
        with load.running(server, rows[0], scratch / "log") as service:
            load.processor(1)
            file = load.write_rows(server, rows, scratch / "rows")
            limit = service.load(file, 20)
            wanted = SHARE * limit["requests_s"]
            pause, minute = load.CONNECTIONS / wanted * 1000, []
            for seconds in (10, *[60] * minutes):
                found = service.load(file, seconds, pause)
                # How long an answer takes moves with the machine, and the pause with it.
                pause = max(0, pause + load.CONNECTIONS * 1000 * (1 / wanted - 1 / found["requests_s"]))
                minute.append(found)
                print(f"{seconds} s: {found}", flush=True)
            minute = minute[1:]
    share = sum(each["requests_s"] for each in minute) / len(minute) / limit["requests_s"]
    return {"limit": limit, "share": round(share, 3), "minutes": minute, "growth_mb": _growth(minute)}


def _growth(minute: list[dict[str, float]]) -> float:
    """MB between the second minute and the last: in the first one the memory of threads and queues is taken."""
    return round(minute[-1]["memory_mb"] - minute[min(1, len(minute) - 1)]["memory_mb"], 1)
