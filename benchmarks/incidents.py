"""Which incidents the monitors find, after how many days, and how often they ring when nothing happens.

The second half of 2013 and then 2023 are played against a model of January to June 2013: once as they were, then with
one incident each time, from the first of September on.
"""

import importlib
import tempfile
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

START, NEW_WORLD, END = (datetime(*day, tzinfo=UTC) for day in ((2013, 7, 1), (2014, 1, 1), (2014, 12, 24)))
HAPPENS = datetime(2013, 9, 1, tzinfo=UTC)
WEEK = 7


def measure(project: Path) -> dict[str, Any]:
    """The alarms of the quiet months and of the new world, and for each incident those that only it makes ring."""
    package = next(path.name for path in (project / "src").iterdir() if (path / "cli.py").is_file())
    names = ("settings", "steps", "simulation", "incidents", "monitoring.watch")
    settings, steps, simulation, incidents, watch = (importlib.import_module(f"{package}.{name}") for name in names)
    config = settings.load(project)
    worlds = {name: steps.features(config, name) for name in config.data.snapshots}
    folder = steps.bundle_folder(config, steps.ensure(config))
    bundle, _ = watch.load(folder)

    def alarms(what: list[Any], end: datetime, since: datetime) -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory() as scratch:
            log = Path(scratch) / "log.db"
            simulation.play(simulation.happen(worlds, "2013", what), bundle, log, (START, end))
            weeks = (end - START).days // WEEK
            watched = watch.monitor(folder, log, now=end, days=WEEK, windows=weeks)
        return [vars(alarm) for alarm in simulation.rung(watched.timeline, WEEK, since)]

    years = alarms([simulation.Incident("2023-begins", NEW_WORLD)], END, START)
    print(f"2013 and 2023: {len(years)} alarms", flush=True)
    quiet = [(alarm["monitor"], alarm["subject"], alarm["window"]) for alarm in alarms([], NEW_WORLD, START)]
    found = {}
    for name in incidents.INCIDENTS:
        if name == "2023-begins":
            continue
        rang = alarms([simulation.Incident(name, HAPPENS)], NEW_WORLD, HAPPENS)
        new = [alarm for alarm in rang if (alarm["monitor"], alarm["subject"], alarm["window"]) not in quiet]
        found[name] = {"days": new[0]["days"] if new else None, "alarms": new}
        print(f"{name}: {found[name]['days']} days, {[(a['monitor'], a['subject']) for a in new[:3]]}", flush=True)
    return {"quiet_and_2023": years, "incidents": found}
