"""Start the service as a program of its own, without the rest of the project's commands.

What the command line leaves out comes from config.toml. A worker is this program too, with the socket of its parent.
"""

import argparse
import socket
import sys
from pathlib import Path
from typing import Any

from ..base import settings
from ..base.databases import postgres_place
from ..base.errors import ProjectError
from ..monitoring.distributions import MAX_PSI
from .rollout import EVERY, Rollout
from .server import answer_requests, serve_model, to_standard_error


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; the exit code: 0 after a clean stop, 2 when the service could not start."""
    parsed = _parser().parse_args(arguments)
    to_standard_error()
    try:
        rollout, address, options = _service_options(parsed)
        # Only when it is asked for: under systemd the standard input is at its end from the start.
        if parsed.with_parent:
            options |= {"started": _print_address, "until": sys.stdin.fileno()}
        if parsed.socket is None:
            serve_model(rollout, **address, **options)
        else:
            with socket.socket(fileno=parsed.socket) as listener:
                answer_requests(listener, rollout, **options)
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
    parser.add_argument("--max-psi", type=float, help="of the canary's answers, from which on it gets none")
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


def _service_options(parsed: argparse.Namespace) -> tuple[Rollout, dict[str, Any], dict[str, Any]]:
    """Which version is served, where, and how. With a registry on the command line, config.toml is not read."""
    # A worker that replaces another has the limits of its parent, even if config.toml was changed in between.
    if parsed.registry:
        limits = settings.Service.model_validate_json(parsed.limits) if parsed.limits else settings.Service()
        registry, log, most = parsed.registry, parsed.predictions, MAX_PSI
    else:
        config = settings.load_settings()
        limits, registry, log = config.service, config.paths.registry, parsed.predictions or config.paths.predictions
        most = config.limits.max_version_psi
    rollout = Rollout(
        registry,
        parsed.alias,
        every=parsed.every,
        shadow=limits.shadow if parsed.shadow is None else parsed.shadow,
        canary_share=limits.canary_share if parsed.canary_share is None else parsed.canary_share,
        max_psi=most if parsed.max_psi is None else parsed.max_psi,
        shared=parsed.shared,
    )
    address = {
        "host": parsed.host or limits.host,
        "port": limits.port if parsed.port is None else parsed.port,
        "workers": parsed.workers or limits.workers,
    }
    return rollout, address, {"predictions": log and postgres_place(log), "limits": limits, "drain": parsed.drain}


def _print_address(address: str) -> None:
    # Whoever started it waits for this line, and a pipe would keep it until there is more.
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
