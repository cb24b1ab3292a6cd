"""The model card: what a version is made of, how good it is and for whom, what it is not for, and why it serves or not.

After Mitchell et al., "Model Cards for Model Reporting" (2019). A page for people, the same figures as JSON beside it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..base import errors
from ..base.errors import Verdict
from ..base.files import write_atomic
from ..base.settings import Settings
from ..contract.schema import Contract
from ..reports import pages
from ..reports.pages import Section
from .decisions import Record, decision_verdicts, rule_on_challenger

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE = "card.html"
MOST_SLICES = 6  # slices in the picture, of the worst and of the best
METRICS = {"auc": "ROC AUC", "brier": "Brier score", "log_loss": "log loss"}
NUMBER_METRICS = {"r2": "R2", "mae": "mean absolute error", "rmse": "root mean squared error"}
MEANS = {"mean_prediction": "mean prediction", "base_rate": "rate of the target", "mean_target": "mean of the target"}


def describe_rows(contract: Contract, rows: pd.DataFrame) -> dict[str, Any]:
    """Labelled rows in figures: how many, on how many days, from when to when, the rate or mean of the target."""
    day = rows[contract.day]
    first, last = (str(moment.date()) for moment in (day.min(), day.max()))
    mean = {"mean" if contract.regression else "rate": round(float(rows[contract.target].mean()), 4)}
    return {"rows": len(rows), "days": int(day.nunique()), "first": first, "last": last, **mean}


def write_card(contract: Contract, record: Record, own: Settings, max_age_days: int) -> Path:
    """Write the card of a decision into its folder; the place of the page."""
    content = make_card(contract, record, own, max_age_days)
    page = record.folder / PAGE
    write_atomic(page.with_suffix(".json"), json.dumps(content, indent=1))
    # Not to be promoted is no fault: the verdicts say what is red.
    status = _status(content) if content["decision"]["promoted"] else ""
    title = f"Model card: {content['model']} version {content['version']}"
    word = "promoted: it is the champion" if content["decision"]["promoted"] else "not promoted: it stays a challenger"
    lead = f"Decision {content['decision']['number']}: version {content['version']} is {word}."
    return pages.write_page(page, title, card_sections(content), lead=lead, status=status)


def make_card(contract: Contract, record: Record, own: Settings, max_age_days: int) -> dict[str, Any]:
    """The card as plain values; the page shows nothing else."""
    verdicts = decision_verdicts(record)
    promoted, reason = rule_on_challenger(verdicts)
    plan, comparison, trained = record.plan, record["comparison"], record["training"]
    return {
        "model": own.model.name,
        "version": trained["version"],
        "champion": plan["champion"],
        "decision": {"number": record.number, "promoted": promoted, "reason": reason, "why": plan["why"]},
        "use": {
            "answers": contract.features.column(contract.target).about,
            "threshold": own.model.threshold,
            "limits": card_limits(record, own, max_age_days),
        },
        "data": {name: record["checks"][name] for name in ("train", "test")},
        "metrics": {name: comparison[name] for name in ("challenger", "champion", "difference")},
        "slices": comparison["slices"],
        "shadow": {name: value for name, value in record["shadow"].items() if name != "verdicts"},
        "gates_by": record["gates"]["by"],
        "verdicts": [verdict.to_dict() for verdict in verdicts],
        "lineage": {**plan["lineage"], "window": plan["window"], "commit": plan["commit"], "code": plan["code"]},
        "files": trained["sums"],
    }


def card_limits(record: Record, own: Settings, max_age_days: int) -> list[str]:
    """What the version is not for, in sentences that follow from its data and its judgement."""
    data, judged = record["checks"], record["comparison"]["slices"]
    kinds = ", ".join(own.tests.slices)
    until = own.split.train[1] + timedelta(days=max_age_days)
    weak = [row["slice"] for row in judged if row[_quality(row)] < 0]
    known = f"Other categories than those of its training data are taken as missing. Of the slices by {kinds}, "
    lower = f"On {len(weak)} of them it is worse than the version before, within chance or not"
    answer = "prediction" if own.model.threshold is None else "probability"
    waived = [each for each in decision_verdicts(record) if errors.verdict_word(each) == errors.WAIVED]
    return [
        *(f"The gate {each.gate} is not green, but {errors.waiver_words(each)}." for each in waived),
        f"Judged on {data['test']['first']} to {data['test']['last']}: what it does in other months is not known."
        if own.split.test_share is None
        else "Judged on rows that were drawn at random: they have no time, so what changes with time is not known.",
        f"To be replaced when labels reach {until} at the latest: {max_age_days} days after its training data.",
        f"{known}{len(judged)} have enough rows to say something.",
        f"{lower}: {', '.join(weak) or 'none'}.",
        "Rows whose label never comes are in no figure of this card.",
        f"A {answer} is no cause: the features go along with the target, and changing one need not change it.",
    ]


def card_sections(card: Mapping[str, Any]) -> list[Section]:
    """The parts of the page."""
    verdicts = [Verdict(**each) for each in card["verdicts"]]
    # Cards of earlier releases have a threshold.
    numbers = card["use"]["threshold"] is None
    answer, quality = ("prediction", "R2") if numbers else ("probability", "AUC")
    judges = "all 28 gates" if card["gates_by"] == "all_gates" else "the tests of the training only, not the gates"
    return [
        Section("The decision", f"{card['decision']['reason']}\n\nAsked for: {card['decision']['why']}."),
        Section("What it is for, and what not", f"The {answer} of: {card['use']['answers']}.", table=_limits(card)),
        Section("Data", table=pd.DataFrame({"to learn": card["data"]["train"], "to judge": card["data"]["test"]})),
        Section(
            f"How good it is, beside version {card['champion']}",
            "On the same days, which neither has learned from; 95% intervals by blocks of days. A difference is one "
            "only if its interval leaves out 0.",
            table=_metrics(card["metrics"]),
            figures=(_picture(card["slices"]),) if card["slices"] else (),
        ),
        Section("Slices", f"{quality} of this version minus that of the champion.", table=_slices(card["slices"])),
        Section("In the shadow", table=_shadow(card["shadow"])),
        Section("Verdicts", f"Judged by {judges}.", table=errors.verdict_table(verdicts), status=_status(card)),
        Section("Lineage", "The same lineage gives the same model.", table=_lineage(card)),
    ]


def _shadow(figures: Mapping[str, Any]) -> pd.DataFrame:
    """What there is to see: no decisions of numbers, and no fields that only the judge needs."""
    hidden = {
        "width",
        "regression",
        *({"champion_decisions", "challenger_decisions"} if figures.get("regression") else ()),
    }
    shown = {name: _text(value) for name, value in figures.items() if name not in hidden and value != ""}
    return pd.DataFrame({"figure": list(shown), "value": list(shown.values())})


def _status(card: Mapping[str, Any]) -> pages.Status:
    if all(verdict["passed"] for verdict in card["verdicts"]):
        return "good"
    return "waived" if card["decision"]["promoted"] else "bad"


def _limits(card: Mapping[str, Any]) -> pd.DataFrame:
    threshold = card["use"]["threshold"]
    warns = [] if threshold is None else [f"Warns from a probability of {threshold} on."]
    return pd.DataFrame({"limit": [*warns, *card["use"]["limits"]]})


def _metrics(metrics: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    rows = []
    known_metrics = METRICS if "auc" in metrics["challenger"] else NUMBER_METRICS
    for name, words in known_metrics.items():
        row = {"metric": words, "this version": _interval(metrics["challenger"], name, "")}
        row["champion"] = _interval(metrics["champion"], name, "")
        # Models are not compared by their log loss, so there is no interval of a difference.
        known = name in metrics["difference"]
        rows.append({**row, "difference": _interval(metrics["difference"], name, "+") if known else "not compared"})
    sides = (metrics["challenger"], metrics["champion"])
    for name, words in ((name, words) for name, words in MEANS.items() if name in metrics["challenger"]):
        one, two = (f"{side[name]:.3f}" for side in sides)
        rows.append({"metric": words, "this version": one, "champion": two, "difference": ""})
    return pd.DataFrame(rows)


def _interval(figures: Mapping[str, float], name: str, sign: str) -> str:
    value, low, high = (format(figures[key], f"{sign}.4f") for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]"


def _slices(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    ordered = sorted(rows, key=lambda row: row[_quality(row)])
    table = [(row["slice"], row["rows"], _interval(row, _quality(row), "+"), row["worse"]) for row in ordered]
    return pd.DataFrame(table, columns=["slice", "rows", "difference", "worse"])


def _picture(rows: Sequence[Mapping[str, Any]]) -> "Figure":
    from ..reports import charts

    name = _quality(rows[0])
    ordered = sorted(rows, key=lambda row: row[name])
    shown = ordered if len(ordered) <= 2 * MOST_SLICES else [*ordered[:MOST_SLICES], *ordered[-MOST_SLICES:]]
    names, values, low, high = ([row[key] for row in shown] for key in ("slice", name, f"{name}_low", f"{name}_high"))
    title = f"Slices: the {MOST_SLICES} worst and the {MOST_SLICES} best" if len(shown) < len(ordered) else "Slices"
    label = f"{name.upper()} minus that of the champion"
    return charts.intervals(names, values, low, high, title=title, label=label, line=0.0)


def _quality(row: Mapping[str, Any]) -> str:
    """The name of the figure by which slices are compared."""
    return "auc" if "auc" in row else "r2"


def _lineage(card: Mapping[str, Any]) -> pd.DataFrame:
    made = card["lineage"]
    rows = [("commit", made["commit"] or "no git repository"), ("code", made["code"])]
    rows += [("window", _text(made["window"])), ("contract", made["contract"]), ("features.sql", made["features_sql"])]
    rows += [(f"feature step {name}", code) for name, code in made["feature_steps"].items()]
    rows += [("code of the model", made["model"])]
    rows += [(f"period {name}", " to ".join(days)) for name, days in made["periods"].items()]
    rows += [(f"model {name}", _text(value)) for name, value in made["spec"].items()]
    rows += [(f"{snapshot}/{file}", total) for snapshot, files in made["data"].items() for file, total in files.items()]
    rows += [(f"package {name}", version) for name, version in made["packages"].items()]
    rows += [(f"version {card['version']}/{name}", total) for name, total in card["files"].items()]
    return pd.DataFrame(rows, columns=["what", "value"])


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
