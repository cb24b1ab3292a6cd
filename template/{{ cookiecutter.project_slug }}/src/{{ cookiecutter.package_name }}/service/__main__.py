"""Start the service as a program of its own, without the rest of the project's commands.

What is not given comes from config.toml.
"""

import argparse
import sys
from pathlib import Path

from .. import settings
from ..errors import ProjectError
from .logs import to_standard_error
from .server import serve
from .versions import EVERY


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; the exit code: 0 after a clean stop, 2 when the service could not start."""
    given = _parser().parse_args(arguments)
    to_standard_error()
    try:
        registry, predictions, host, port = _with_settings(given)
        serve(
            registry,
            given.alias,
            host=host,
            port=port,
            predictions=predictions,
            drain=given.drain,
            every=given.every,
            started=_say if given.with_parent else None,
            until=sys.stdin.fileno() if given.with_parent else None,
        )
    except ProjectError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description="Start the online service.")
    parser.add_argument("--registry", type=Path, help="folder of the registry")
    parser.add_argument("--alias", default="champion", help="which version answers (default: champion)")
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for a free one")
    parser.add_argument("--predictions", type=Path, help="SQLite file of the prediction log")
    parser.add_argument("--drain", type=float, default=0, help="seconds between the signal and the stop")
    parser.add_argument("--every", type=float, default=EVERY, help="seconds between two looks at the registry")
    parser.add_argument("--with-parent", action="store_true", help="print the address, stop when the input ends")
    return parser


def _with_settings(given: argparse.Namespace) -> tuple[Path, Path | None, str, int]:
    if given.registry:
        port = 8000 if given.port is None else given.port
        return given.registry, given.predictions, given.host or "127.0.0.1", port
    read = settings.load()
    port = read.service.port if given.port is None else given.port
    predictions = given.predictions or read.paths.predictions
    return read.paths.registry, predictions, given.host or read.service.host, port


def _say(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
