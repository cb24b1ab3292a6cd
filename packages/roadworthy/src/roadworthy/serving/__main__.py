"""Start the service as a program of its own, without the rest of the project's commands.

What is not given comes from config.toml. A worker is this program too: it inherits the socket of its parent.
"""

import argparse
import socket
import sys
from pathlib import Path
from typing import Any

from ..base import settings
from ..base.databases import postgres_place
from ..base.errors import ProjectError
from .rollout import EVERY, Rollout
from .server import answer_requests, serve_model, to_standard_error


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; the exit code: 0 after a clean stop, 2 when the service could not start."""
    given = _parser().parse_args(arguments)
    to_standard_error()
    try:
        rollout, options = (_given if given.registry else _with_settings)(given)
        options |= {"drain": given.drain}
        if given.with_parent:
            options |= {"started": _say, "until": sys.stdin.fileno()}
        if given.socket is None:
            serve_model(rollout, **options)
        else:
            with socket.socket(fileno=given.socket) as listener:
                answer_requests(listener, rollout, **_of_worker(options))
    except ProjectError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description="Start the online service.")
    parser.add_argument("--registry", type=Path, help="folder of the registry")
    parser.add_argument("--alias", default="champion", help="which version answers (default: champion)")
    parser.add_argument("--every", type=float, default=EVERY, help="seconds between two looks at the aliases")
    parser.add_argument("--shadow", help="alias that answers beside it, for comparison only")
    parser.add_argument("--canary-share", type=float, help="share of the requests that the alias `canary` answers")
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for a free one")
    parser.add_argument("--workers", type=int, help="processes that answer at this address (default: 1)")
    parser.add_argument("--predictions", help="SQLite file of the prediction log, or the URL of a PostgreSQL database")
    parser.add_argument("--drain", type=float, default=0, help="seconds between the signal and the stop")
    parser.add_argument("--with-parent", action="store_true", help="print the address, stop when the input ends")
    parser.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--shared", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--limits", help=argparse.SUPPRESS)
    return parser


def _given(given: argparse.Namespace) -> tuple[Rollout, dict[str, Any]]:
    rollout = Rollout(
        given.registry,
        given.alias,
        every=given.every,
        shadow=given.shadow or "",
        canary_share=given.canary_share or 0.0,
        shared=given.shared,
    )
    port = 8000 if given.port is None else given.port
    where = {"host": given.host or "127.0.0.1", "port": port, "workers": given.workers or 1}
    limits = settings.Service.model_validate_json(given.limits) if given.limits else settings.Service()
    return rollout, {**where, "predictions": given.predictions and postgres_place(given.predictions), "limits": limits}


def _with_settings(given: argparse.Namespace) -> tuple[Rollout, dict[str, Any]]:
    read = settings.load_settings()
    rollout = Rollout(
        read.paths.registry,
        given.alias,
        every=given.every,
        shadow=read.service.shadow if given.shadow is None else given.shadow,
        canary_share=read.service.canary_share if given.canary_share is None else given.canary_share,
    )
    port = read.service.port if given.port is None else given.port
    where = {"host": given.host or read.service.host, "port": port, "workers": given.workers or read.service.workers}
    log = given.predictions or read.paths.predictions
    return rollout, {**where, "predictions": postgres_place(log), "limits": read.service}


def _of_worker(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in {"host", "port", "workers"}}


def _say(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
