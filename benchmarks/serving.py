"""One row a request: the service against the servers that people use, with the same model and the same rows.

All are started once, then they are asked in turn (A B C … A B C …), each by as many connections for as long. The
service checks, counts and logs; the peers do what their guides show. Two limits stand beside them: the framework of the
service answering a constant after it has checked the row, and an ASGI application that looks at nothing.
"""

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import contestants
import load
import roadworthy as rw

SECONDS = 5
LIMITS = ("constant, same framework", "constant, bare ASGI")


def measure(project: rw.Project, repetitions: int) -> dict[str, Any]:
    """For each contestant what each repetition measured and its medians; the ratios of the service to the others."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        scratch = Path(name)
        servers, rows, probabilities = contestants.prepare(project, scratch)
        load.processor(0)
        started = {}
        for server in servers:
            log = scratch / f"{len(started)}.log"
            started[server.name] = stack.enter_context(load.running(server, rows[0], log))
            print(f"{server.name}: answers after {started[server.name].start_seconds} s", flush=True)
        load.processor(1)
        for each in started.values():
            _right(each, rows, probabilities)
        files = {
            server.name: load.write_rows(server, rows, scratch / f"{number}.rows")
            for number, server in enumerate(servers)
        }
        turns: dict[str, list[dict[str, float]]] = {server.name: [] for server in servers}
        for number in range(repetitions + 1):
            for server, each in started.items():
                figures = each.load(files[server], SECONDS if number else 1)
                if number:  # the first round is to get warm
                    turns[server].append(figures)
                    print(f"{number} {server}: {figures}", flush=True)
        found = {
            server: {"start_s": started[server].start_seconds, **_medians(turn), "turns": turn}
            for server, turn in turns.items()
        }
    return {"contestants": found, **_ratios(turns)}


def _right(each: load.Running, rows: list[dict[str, Any]], probabilities: list[float]) -> None:
    """Stop unless a contestant gives the model's answers."""
    read = each.server.probability
    if read is None:
        return
    for row, expected in zip(rows[:20], probabilities, strict=False):
        found = read(each.ask(row))
        if abs(found - expected) > 1e-6:
            raise SystemExit(f"Error: {each.server.name} answers {found} for {row}, the model {expected}")


def _medians(turn: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in turn) for name in turn[0]}


def _ratios(turns: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """Medians over the rounds of the service's ratio to the best peer of the round, and to the limits."""
    ours, limit, bare = turns["service"], *(turns[name] for name in LIMITS)
    peers = [[turns[name][number] for name in turns if name not in ("service", *LIMITS)] for number in range(len(ours))]

    def median(values: list[float]) -> float:
        return round(statistics.median(values), 3)

    return {
        "requests_of_best_peer": median(
            [a["requests_s"] / max(each["requests_s"] for each in b) for a, b in zip(ours, peers, strict=True)]
        ),
        "p99_of_best_peer": median(
            [a["p99_ms"] / min(each["p99_ms"] for each in b) for a, b in zip(ours, peers, strict=True)]
        ),
        "cpu_of_best_peer": median(
            [a["cpu_us"] / min(each["cpu_us"] for each in b) for a, b in zip(ours, peers, strict=True)]
        ),
        "cpu_of_constant": median([a["cpu_us"] / b["cpu_us"] for a, b in zip(ours, limit, strict=True)]),
        "cpu_of_bare_asgi": median([a["cpu_us"] / b["cpu_us"] for a, b in zip(ours, bare, strict=True)]),
    }
