"""What `monitor` does with what it found besides showing it: tell Prometheus, tell people."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .errors import InputError, ProjectError

if TYPE_CHECKING:
    from .monitoring.exposition import Exposition
    from .monitoring.watch import Watched
    from .settings import Settings

HOUR = 3600.0
LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class Telling:
    """Who is told: a file and an address for Prometheus, every so many seconds, and the people in the settings."""

    metrics: Path | None
    serve: tuple[str, int] | None
    every: float
    notify: bool


class Address(click.ParamType):  # type: ignore[type-arg]  # older ones take no argument
    """[HOST:]PORT; without a host, this machine only."""

    name = "[HOST:]PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """The host and the port."""
        host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is no port; write 9108, or 0.0.0.0:9108", param, ctx)
        return host.strip("[]") or LOCAL, int(port)


def telling(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say who is told; the command gets them together as `telling`."""
    options = (
        click.option("--metrics", type=click.Path(path_type=Path), help="Also write a file for node_exporter."),
        click.option("--serve", type=Address(), help="Stay, look again and again, and answer Prometheus at /metrics."),
        click.option(
            "--every",
            type=click.FloatRange(min=1),
            default=HOUR,
            show_default=True,
            help="Seconds between two looks, here or by the timer that starts this command.",
        ),
        click.option("--notify", is_flag=True, help="Tell the people of [monitoring] notify what begins and ends."),
    )

    def told(**given: Any) -> None:
        names = ("metrics", "serve", "every", "notify")
        command(**{k: v for k, v in given.items() if k not in names}, telling=Telling(*(given[k] for k in names)))

    told.__name__, told.__doc__ = command.__name__, command.__doc__
    told.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in reversed(options):
        option(told)
    return told


def look(watch: Callable[[], "Watched"], config: "Settings", wanted: Telling, log: object) -> "Watched":
    """Look once and tell; or, to be served, again and again until interrupted."""
    from .monitoring import notify
    from .monitoring.exposition import Exposition

    exposition = Exposition(wanted.every)
    kept = notify.memory(log, config.paths.reports / "monitoring")
    whom = notify.people(config.monitoring.notify.get_secret_value()) if wanted.notify else {}

    def once() -> "Watched":
        start = time.monotonic()
        watched = watch()
        exposition.show(watched.timeline, time.monotonic() - start)
        if wanted.metrics:
            exposition.write(wanted.metrics)
        for failure in notify.tell(watched.timeline, whom, config.model.name, kept) if whom else ():
            _say(f"warning: {failure}")
        return watched

    return once() if wanted.serve is None else _again(once, exposition, wanted.serve, wanted.every)


def _again(once: Callable[[], "Watched"], exposition: "Exposition", place: tuple[str, int], every: float) -> NoReturn:
    end = _serve(exposition, place)
    try:
        while True:
            start = time.monotonic()
            try:
                once()
            except ProjectError as error:
                exposition.fail()
                _say(str(error))
            time.sleep(max(0.0, every - (time.monotonic() - start)))
    finally:
        end()


def _serve(exposition: "Exposition", place: tuple[str, int]) -> Callable[[], None]:
    from prometheus_client import start_http_server

    host, port = place
    try:
        server, thread = start_http_server(port, host, exposition.registry)
    except OSError as error:
        hint = "choose another port, or end what listens there"
        raise InputError(f"cannot listen: {error.strerror}", where=f"{host}:{port}", hint=hint) from error
    _say(f"The monitors are at http://{host}:{server.server_port}/metrics; stop with Ctrl-C")

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


def _say(text: str) -> None:
    click.echo(text, err=True)
