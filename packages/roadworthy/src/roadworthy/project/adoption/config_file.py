"""The text of config.toml, section by section, with the reason of what was chosen."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ...gates.calibrate import as_toml
from .choices import ALONE_ROOM, DEFAULT_WINDOW, ModelChoice, group_names
from .measures import Measured
from .plan import Plan

WIDTH = 118  # of a line
NOTHING_PRIVATE = "adopt found no e-mail, telephone number, name or address in any column: look once yourself"
UNDECIDED = "undecided: leave it out, or say why it stays"


def config_text(plan: Plan, values: Mapping[str, Any], choice: ModelChoice, measured: Measured | None = None) -> str:
    """The whole text; limits and what features add are there once they were `measured`."""
    sections = [
        _data(plan),
        _periods(plan, values),
        _model(plan, values, choice),
        _tests(plan, values),
        _gates(plan, values, measured),
        _monitoring(values),
        _limits(measured),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _data(plan: Plan) -> str:
    return f"""# Settings of this project, drafted by `roadworthy adopt`. Unknown keys are refused. An environment
# variable wins over this file: MLE_MODEL__SEED=1 sets [model] seed.

[project]
package = "{plan.package}"   # in src: contract, SQL, model, incidents, extensions

[data]
snapshot = "{plan.snapshot}"

[data.snapshots.{plan.snapshot}]
folder = "data/{plan.snapshot}"

[data.checks]
max_quarantined = 0.01            # share of rows of a table; more of them is an incident, not an outlier"""


def _periods(plan: Plan, values: Mapping[str, Any]) -> str:
    periods = values["periods"]
    if periods is None:
        split = f"test_share = {values['test_share']}               # at random: the rows have no time\nseed = 0"
        return f'[split]\n{split}\n\n[retraining]\nsnapshots = ["{plan.snapshot}"]'
    return f"""[split]                           # by time, the end not included; never at random
train = {_days(periods.train)}
test = {_days(periods.test)}

[retraining]                      # a challenger is judged on the newest days
snapshots = ["{plan.snapshot}"]
train = {_days(periods.challenger)}
test = {_days(periods.newest)}"""


def _days(period: tuple[date, date]) -> str:
    return f'["{period[0]}", "{period[1]}"]'


def _model(plan: Plan, values: Mapping[str, Any], choice: ModelChoice) -> str:
    trees, leaves = values["trees"]
    strength = "alpha" if plan.decided.roles.regression else "C"
    of_trees = f"max_iter = {trees}\nlearning_rate = 0.1\nmax_leaf_nodes = {leaves}"
    lines = [f"# {choice.why}", "[model]", f'name = "{plan.package.replace("_", "-")}"', "features = ["]
    lines += [*_filled([f'"{name}"' for name in plan.modelled]), "]"]
    lines += [of_trees if choice.boosting else f"parameters = {{ {strength} = 1.0 }}", "seed = 0"]
    if "threshold" in values:
        lines.append(f"threshold = {values['threshold']}                 # as many are yes as in the training rows")
    return "\n".join(lines)


def _filled(words: Sequence[str]) -> list[str]:
    """The words in lines that are as full as they may be."""
    lines = ["   "]
    for word in words:
        if len(lines[-1]) + len(word) + 2 > WIDTH:
            lines.append("   ")
        lines[-1] += f" {word},"
    return lines


def _tests(plan: Plan, values: Mapping[str, Any]) -> str:
    numbers = plan.decided.roles.regression
    slices = ", ".join(f'"{name}"' for name in values["slices"])
    lines = ["[tests]", f"slices = [{slices}]"]
    lines.append(f"{'min_r2_slice' if numbers else 'min_auc_slice'} = {values.get('floor', 0.0 if numbers else 0.5)}")
    lines.append("max_invariance = 0.05")
    most = "max_r2_alone" if numbers else "max_auc_alone"
    lines.append(f"{most} = {values['alone']}              # of one feature; the strongest has {ALONE_ROOM} less")
    for name, low, high, up in values["directions"]:
        lines += ["", "# As the rows have it: is it what you know?", f"[tests.{'rises' if up else 'falls'}_with]"]
        lines.append(f"{name} = [{low}, {high}]")
    return "\n".join(lines)


def _gates(plan: Plan, values: Mapping[str, Any], measured: Measured | None) -> str:
    lines = ["[gates]", f"max_age_days = {values['max_age_days']}", f"min_group_size = {values['min_group_size']}"]
    if not plan.decided.of("private"):
        lines.append(f'no_private_columns = "{NOTHING_PRIVATE}"')
    kept = measured.kept if measured else {}
    lines += ["", "[gates.kept]                      # features without a measurable contribution that stay, and why"]
    lines += [f'{name} = "adopt: {figures}; {UNDECIDED}"' for name, figures in kept.items()]
    lines += ["", "[gates.groups]                    # whom the model must serve alike: SQL over the features"]
    return "\n".join([*lines, *(f'{name} = "{name}"' for name in group_names(plan, values["slices"]))])


def _monitoring(values: Mapping[str, Any]) -> str:
    rows, unjudged = values["window"]
    lines = ["[service]", "", "[monitoring]", "max_psi = 0.2"]
    lines.append("max_unseen = 0.01                 # share of rows with a category that training has not seen")
    if (rows, unjudged) != DEFAULT_WINDOW:
        lines += [f"min_rows = {rows}                    # of a window", f"max_unjudged_days = {unjudged}"]
    paths = {name: name for name in ("registry", "runs", "reports")}
    paths |= {"tracking": "tracking/mlflow.db", "predictions": "monitoring/predictions.db", "cache": "cache"}
    return "\n".join([*lines, "", "[paths]", *(f'{name} = "{place}"' for name, place in paths.items())])


def _limits(measured: Measured | None) -> str:
    if not measured or not (measured.limits or measured.tables):
        return ""
    lines = [f"{name} = {value:g}  # {why}" for name, (value, why) in measured.tables.items()]
    lines += [f"{each.name} = {as_toml(each)[0]}  # {each.reason}" for each in measured.limits]
    return "\n".join(["[limits]                          # where the defaults do not fit these data", *lines])
