"""The automatic items of the capstone's rubric: each a function that gives its evidence, or raises Lacking with it."""

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

from roadworthy.base.databases import Postgres
from roadworthy.base.files import file_sha256
from roadworthy.bundle.bundle import Bundle
from roadworthy.data import snapshots
from roadworthy.monitoring.log import PredictionLog

from .project import NOTE, Project

EXPLAINED = "Red gates and alarms"  # the section of the note
BLANK = "FILL IN"
FEWEST_DAYS = 14  # of the test period: fewer say little about the next ones
FEWEST_ASKED = 100
FEWEST_WORDS = 15
LARGEST_SHARE = 1 / 3  # from which on the features are the flights'
NUMBERS, TEXTS = {"integer", "number"}, {"category", "text"}
FLIGHTS = frozenset({  # the features that the template comes with
    "flight_id", "as_of", "day", "carrier", "origin", "dest", "hour", "minute_of_day", "weekday", "day_of_year",
    "distance", "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib",
    "plane_age", "seats", "engines", "manufacturer", "origin_delay", "dep_delay", "arr_delay", "late", "known_at",
})  # fmt: skip
GENERAL = {"as_of", "day", "hour", "weekday", "day_of_year", "minute_of_day", "known_at"}  # any data may have them
Check = Callable[[Project], str]
CHECKS: dict[str, Check] = {}


class Lacking(Exception):  # noqa: N818 - it is the project's, not the program's
    """What is missing, as evidence."""


def item(function: Check) -> Check:
    """Make a function an item that the rubric may name."""
    CHECKS[function.__name__] = function
    return function


def require(holds: object, evidence: str) -> None:
    """Raise Lacking unless it holds."""
    if not holds:
        raise Lacking(evidence)


@item
def own_contract(project: Project) -> str:
    """The features are not those of the flights."""
    names = {column["name"] for column in project.contract["features"]["columns"]} - GENERAL
    same = sorted(names & FLIGHTS)
    told = f"{len(same)} of {len(names)} features are the flights': {', '.join(same[:4])}"
    require(len(same) < LARGEST_SHARE * len(names), told)
    return f"{len(names)} features of its own, label {project.contract['target']!r}"


@item
def every_column(project: Project) -> str:
    """Each table of the snapshot and each column in it is in the contract, and nothing else is."""
    import pyarrow.parquet as pq

    wanted = {(column["table"], column["name"]) for column in project.columns if column["table"] != "features"}
    files = sorted(project.snapshot.glob("*.parquet"))
    found = {(file.stem, name) for file in files for name in pq.read_schema(file).names}
    require(found, f"no Parquet file in {project.snapshot.name}")
    require(found <= wanted, f"not in the contract: {_listed(found - wanted)}")
    require(wanted <= found, f"not in the snapshot: {_listed(wanted - found)}")
    return f"{len(found)} columns of {len(files)} tables"


@item
def limits(project: Project) -> str:
    """Each number has a range, each text a pattern or its allowed values, and every column says what it is."""
    vague = [c for c in project.columns if c["kind"] in NUMBERS and None in (c["low"], c["high"])]
    vague += [c for c in project.columns if c["kind"] in TEXTS and not (c["allowed"] or c["pattern"])]
    vague += [c for c in project.columns if not c["about"]]
    names = {(column["table"], column["name"]) for column in vague}
    require(not names, f"without a range, a pattern or a meaning: {_listed(names)}")
    return f"all {len(project.columns)} columns"


@item
def known_at(project: Project) -> str:
    """The label and what else comes afterwards is marked, with the moment from which it is known."""
    require(project.target["known"] == "after", f"{project.target['name']!r}, the label, is said to be known before")
    later = [c for c in project.columns if c["known"] == "after" and c["table"] != "features"]
    require(later, "no column of the snapshot is marked as known after: where does the label come from?")
    silent = {(c["table"], c["name"]) for c in later if not c["known_at"]}
    require(not silent, f"known after, but since when? {_listed(silent)}")
    return f"{len(later)} columns are known only afterwards, each with its moment"


@item
def sealed(project: Project) -> str:
    """Each file of the snapshot has the sum that was recorded for it."""
    recorded = snapshots.recorded_sums(project.snapshot)
    files = sorted(project.snapshot.glob("*.parquet"))
    changed = [file.name for file in files if file_sha256(file) != recorded.get(file.name)]
    require(files and not changed, f"changed since, or never sealed: {', '.join(changed) or 'no file at all'}")
    return f"{len(files)} files"


@item
def data_checked(project: Project) -> str:
    """The last `check` of the snapshot was green, by the present contract."""
    name = project.config.data.snapshot
    report = project.report("data", name, "index.json")
    require(report["contract"] == project.contract["sha256"], "the contract has changed since the last `check`")
    red = [f"{each['table']}: {each['check']}" for each in report["findings"] if not each["passed"]]
    require(report["passed"] and not red, f"red: {'; '.join(red)}")
    return f"{len(report['findings'])} checks of {name} are green"


@item
def trained(project: Project) -> str:
    """The version that serves was made of the present data by the present contract."""
    lineage, name = project.lineage, project.config.data.snapshot
    require(
        lineage.get("data", {}).get(name) == snapshots.recorded_sums(project.snapshot),
        f"not made of {name} as it is now",
    )
    require(lineage.get("contract") == project.contract["sha256"], "made by another contract")
    return f"version {project.version}"


@item
def split_in_time(project: Project) -> str:
    """The test begins when training has ended."""
    train, test = (project.lineage["periods"][name] for name in ("train", "test"))
    require(train[0] < train[1] <= test[0] < test[1], f"train {train[0]} to {train[1]}, test {test[0]} to {test[1]}")
    return f"train until {train[1]}, test from {test[0]} to {test[1]}"


@item
def better_than_guessing(project: Project) -> str:
    """By days, the whole interval of the AUC is above one half, and that of the Brier score below the base rate's."""
    m = project.read(project.bundle / "metrics.json")
    base = m["base_rate"] * (1 - m["base_rate"])
    told = f"AUC {m['auc']:.3f} [{m['auc_low']:.3f}, {m['auc_high']:.3f}], Brier {m['brier']:.4f} "
    told += f"[{m['brier_low']:.4f}, {m['brier_high']:.4f}], that of the base rate {base:.4f}, {m['days']} days"
    require(m["days"] >= FEWEST_DAYS, f"fewer than {FEWEST_DAYS} days: {told}")
    require(m["auc_low"] > 1 / 2 and m["brier_high"] < base, told)
    return told


@item
def all_gates(project: Project) -> str:
    """Each of the gates has judged the version; one that is not green is explained in the note."""
    from roadworthy.gates.run import GATES

    said = {verdict.gate: verdict.passed for verdict in project.judged}
    missing = [gate.name for gate in GATES if gate.name not in said]
    require(not missing, f"not judged yet: {len(missing)} of {len(GATES)} gates")
    red = [name for name, passed in said.items() if not passed]
    _explained(project, red)
    return f"{len(said) - len(red)} of {len(said)} are green" + (f", explained: {', '.join(red)}" if red else "")


@item
def drilled(project: Project) -> str:
    """A fault was planted, and its gate was red; or the note says why none can be."""
    if re.search(r"\bdrill", project.note.get(EXPLAINED, "")):
        return "the note explains why there is no drill"  # one needs a version whose gates are all green
    found = project.read(project.config.paths.reports / "scorecard" / "drills.json")
    caught = [each["fault"] for each in found if each["caught"]]
    require(caught, f"none of {len(found)} was caught by its gate")
    return f"caught: {', '.join(caught[:3])}"


@item
def golden(project: Project) -> str:
    """The bundle is whole and gives its golden answers."""
    return f"{len(Bundle.load(project.bundle).golden)} golden records"


@item
def asked(project: Project) -> str:
    """The service has answered, and labels came."""
    predictions, labels = _logged(project)
    told = f"{predictions} predictions of version {project.version} and {labels} labels in the log"
    require(predictions >= FEWEST_ASKED and labels, f"{told}; at least {FEWEST_ASKED} and 1")
    return told


@item
def monitored(project: Project) -> str:
    """A report of the monitors has judged something; an alarm is explained in the note."""
    verdicts = project.report("monitoring", "index.json")["verdicts"]
    judged = [each for each in verdicts if each["passed"] is not None]
    require(judged, f"none of {len(verdicts)} monitors could judge: too few days or rows?")
    red = [each["gate"].partition(":")[0] for each in judged if not each["passed"]]
    _explained(project, red)
    return f"{len(judged)} of {len(verdicts)} monitors have judged" + (f", explained: {', '.join(red)}" if red else "")


@item
def decided(project: Project) -> str:
    """A retraining was decided, with all gates."""
    record = project.decision
    require(record["gates"]["by"] == "all_gates", f"decision {record.number} was judged by {record['gates']['by']}")
    outcome = record.outcome or {}
    return f"decision {record.number}: {'promoted' if outcome['promoted'] else 'kept as challenger'}"


@item
def model_card(project: Project) -> str:
    """The decision has its model card."""
    card = project.read(project.decision.folder / "card.json")
    require(card["version"] in project.registry.versions(), f"of version {card['version']}, which is not there")
    return f"of version {card['version']}, with {len(card['use']['limits'])} limits of use"


@item
def tests_passed(project: Project) -> str:
    """The last recorded run of the tests has no failure."""
    file = project.config.paths.reports / "tests.xml"
    require(file.is_file(), "no report: pytest --junitxml=reports/tests.xml")
    suites = list(ET.fromstring(file.read_text(encoding="utf-8")).iter("testsuite"))  # noqa: S314
    count, bad, skipped = (_sum(suites, names) for names in (["tests"], ["failures", "errors"], ["skipped"]))
    told = f"{count} tests, {bad} failed, {skipped} skipped"
    require(count > skipped and not bad, told)
    return told


@item
def note_filled_in(project: Project) -> str:
    """The note of the hand-over is written: nothing is left to fill in."""
    blank = [name for name, text in project.note.items() if BLANK in text]
    require(not blank, f"{NOTE.as_posix()}: still to fill in: {', '.join(blank)}")
    short = [name for name, text in project.note.items() if len(text.split()) < FEWEST_WORDS]
    require(project.note and not short, f"fewer than {FEWEST_WORDS} words: {', '.join(short) or 'no section at all'}")
    return f"{len(project.note)} sections"


@item
def own_readme(project: Project) -> str:
    """The README is about this project."""
    words = re.sub(r"\s+", " ", project.text(Path("README.md")))
    require(not re.search(r"flight from New York", words), "the README still says what the template predicts")
    return "the README speaks of this project"


def _explained(project: Project, red: Iterable[str]) -> None:
    told = project.note.get(EXPLAINED, "")
    silent = [name for name in red if not re.search(rf"\b{re.escape(name)}\b", told)]
    require(not silent, f"red and not explained in the note under {EXPLAINED!r}: {', '.join(silent)}")


def _logged(project: Project) -> tuple[int, int]:
    place, version = project.config.paths.predictions, str(project.version)
    if isinstance(place, Postgres):
        with PredictionLog(place, Bundle.load(project.bundle).signature) as log:
            return sum(log.read()["version"] == version), log.count()[1]
    require(place.is_file(), "there is no prediction log: nobody has asked the service")
    with closing(sqlite3.connect(f"{place.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        asked = "select count(*) from predictions where version = ?"
        ((predictions,),) = connection.execute(asked, (version,))
        ((labels,),) = connection.execute("select count(*) from labels")
    return predictions, labels


def _sum(suites: Sequence[ET.Element], names: Iterable[str]) -> int:
    return sum(int(suite.get(name, 0)) for suite in suites for name in names)


def _listed(names: Iterable[tuple[str, str]]) -> str:
    ordered = [".".join(name) for name in sorted(names)]
    return ", ".join(ordered[:5]) + (f" and {len(ordered) - 5} more" if len(ordered) > 5 else "")
