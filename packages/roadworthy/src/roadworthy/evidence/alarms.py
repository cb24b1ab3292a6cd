"""Whether the monitors ring: for what is planted, after as many windows as they are meant to, and for nothing else.

Rows that must not count, those of another version and labels that are not due yet, are planted as well.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from ..monitoring import watch
from ..monitoring.exposition import Exposition
from ..monitoring.log import PredictionLog
from ..monitoring.monitors import Thresholds
from ..monitoring.timeline import Timeline
from ..service.metrics import Metrics
from . import planted
from .bench import Bench

RULES = "deploy/prometheus/rules.yml"
# Over all versions, because what they watch is the service; and what needs rows as they really come together.
OF_ALL, OF_WHOLE_ROWS = {"volume", "freshness"}, {"relation", "auc"}
EXPRESSION = re.compile(r"^ +expr: *(.*(?:\n(?! *(?:for|labels|annotations|record|- alert):).*)*)", re.MULTILINE)
KINDS = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "summary": ("", "_count", "_sum")}


@dataclass(frozen=True)
class Alarms:
    """How many faults were planted, and what went wrong, by monitor and subject.

    late: does not ring in the window in which it should. false: rings over the reference itself, or too early. moved:
    counts rows of another version or labels that are not due. untold: rings and Prometheus does not read 1. dead:
    names in the rules of alerts that nothing exposes.
    """

    planted: int = 0
    late: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()


def measure(bench: Bench) -> Alarms:
    """Let the monitors watch planted windows under the thresholds of the settings."""
    own = bench.config.monitoring
    limits = Thresholds(max_psi=own.max_psi, max_unseen=own.max_unseen)
    reference = watch.load(bench.folder)[1]
    quiet, again = _undisturbed(bench, reference, limits)
    log = _written(bench, "broken", planted.broken(reference, limits.n))
    loud = _watched(bench, log, limits)
    wanted = planted.must_ring(reference)
    rung = {key: list(loud.alarms(*key).values()) for key in wanted}
    late = [key for key in wanted if not rung[key][-1]]
    watched = {(r.monitor, r.subject) for r in quiet.readings if r.monitor not in OF_ALL | OF_WHOLE_ROWS}
    false = sorted(key for key in watched if any(quiet.alarms(*key).values()))
    false += [key for key in wanted if any(rung[key][:-1]) and key not in false]
    told = shown(loud)
    untold = [key for key in wanted if key not in late and told.get(key) != 1]
    return Alarms(
        len(wanted), _named(late), _named(false), _named(_moved(quiet, again)), _named(untold), dead(bench.home / RULES)
    )


def shown(timeline: Timeline) -> dict[tuple[str, str], float]:
    """What Prometheus reads about the alarm of each monitor and subject."""
    exposition = Exposition(every=1)
    exposition.show(timeline, took=0)
    families = text_string_to_metric_families(exposition.text().decode())
    samples = (sample for family in families if family.name == "monitor_alarm" for sample in family.samples)
    return {(sample.labels["monitor"], sample.labels["subject"]): sample.value for sample in samples}


def dead(rules: Path) -> tuple[str, ...]:
    """The metrics that the rules of alerts ask for, by a first word of ours, and that nothing exposes."""
    if not rules.is_file():
        return ()
    families = [*Metrics().registry.collect(), *Exposition(every=1).collect()]
    exposed = {f"{each.name}{end}" for each in families for end in KINDS.get(each.type, ("",))}
    text = rules.read_text(encoding="utf-8")
    asked = " ".join(EXPRESSION.findall(re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", "", text)))
    ours = "|".join(sorted({name.partition("_")[0] for name in exposed}))
    recorded = set(re.findall(r"record: *(\S+)", text))
    return tuple(sorted(set(re.findall(rf"\b(?:{ours})_[a-zA-Z0-9_:]+", asked)) - exposed - recorded))


def _undisturbed(bench: Bench, reference: Mapping[str, Any], limits: Thresholds) -> tuple[Timeline, Timeline]:
    """Windows like the reference; and once more, when rows came that must not count."""
    rows = planted.usual(reference, limits.n)
    young = [time > planted.END - planted.DELAY for time in rows["time"]]
    log = _written(bench, "quiet", rows, young)
    before = _watched(bench, log, limits)
    other = planted.broken(reference, limits.n)
    other |= {"key": [f"other {key}" for key in other["key"]], "version": f"not {bench.bundle.version}"}
    with PredictionLog(log, bench.bundle.signature) as opened:
        _append(opened, other)
        late = [at for at, is_young in enumerate(young) if is_young]
        answers = [int(rows["probability"][at] < 0.5) for at in late]
        opened.append_labels([rows["key"][at] for at in late], answers, [planted.END] * len(late))
    return before, _watched(bench, log, limits)


def _written(bench: Bench, name: str, rows: Mapping[str, Any], without: list[bool] | None = None) -> Path:
    """A log of these rows as answers of the version, the labels of some left out."""
    file = bench.scratch / f"planted-{name}.db"
    file.unlink(missing_ok=True)
    with PredictionLog(file, bench.bundle.signature) as log:
        _append(log, {"version": bench.bundle.version, **rows}, without)
    return file


def _append(log: PredictionLog, rows: Mapping[str, Any], without: list[bool] | None = None) -> None:
    log.append({"decision": 0, **rows})
    known = [at for at in range(len(rows["key"])) if not (without and without[at])]
    times = [min(rows["time"][at] + planted.DELAY, planted.END) for at in known]
    log.append_labels([rows["key"][at] for at in known], [rows["label"][at] for at in known], times)


def _watched(bench: Bench, log: Path, limits: Thresholds) -> Timeline:
    how: dict[str, Any] = {"now": planted.END, "windows": limits.n, "label_delay": planted.DELAY}
    return watch.monitor(bench.folder, log, thresholds=limits, **how).timeline


def _moved(before: Timeline, after: Timeline) -> list[tuple[str, str]]:
    """The monitors that read something else now."""
    one, two = (
        {(r.window, r.monitor, r.subject): (r.evidence, r.violated) for r in each.readings if r.monitor not in OF_ALL}
        for each in (before, after)
    )
    return sorted({key[1:] for key in {*one, *two} if one.get(key) != two.get(key)})


def _named(keys: list[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(" of ".join(filter(None, key)) for key in keys)
