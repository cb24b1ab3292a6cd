"""Faults that follow from the contract, as drills: what happens to tables of any kind, planted in this one."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .contract_file import contract_text
from .plan import Plan
from .records import TABLE

HEAD = """# Faults of this data, drafted by `roadworthy adopt`. `roadworthy drill NAME` plants one in a copy of the
# project, runs all gates there and shows which were red. Add those that you have seen.
"""
ANY_PROJECT: tuple[Mapping[str, str], ...] = (
    {
        "name": "a flipped byte",
        "gate": "Infrastructure 4",
        "story": "A byte of the model changed on its way to the server.",
        "damage": "flip_a_byte",
    },
    {
        "name": "polished metrics",
        "gate": "Infrastructure 4",
        "story": "Metrics and sums were made anew by somebody who wanted the version to pass.",
        "damage": "polish_metrics_and_sums",
    },
    {
        "name": "the alias edited by hand",
        "gate": "Infrastructure 4",
        "story": "A version with a red test was refused, so its number was written into aliases.json.",
        "damage": "red_champion",
    },
    {
        "name": "old versions deleted",
        "gate": "Infrastructure 7",
        "story": "The disk was nearly full, and only the champion was thought to be in use.",
        "damage": "delete_old_versions",
    },
    {
        "name": "a lost history",
        "gate": "Infrastructure 7",
        "story": "A job that rotates logs took history.jsonl for one.",
        "damage": "empty_history",
    },
    {
        "name": "trained with another library",
        "gate": "Monitoring 1",
        "story": "The model was trained on a laptop whose environment was half a year old.",
        "damage": "other_libraries",
    },
    {
        "name": "training rows beside the model",
        "gate": "Monitoring 6",
        "story": "The rows were written into the version's folder to look at them once. They travel with it.",
        "damage": "training_rows_in_the_bundle",
    },
)


def drills_text(plan: Plan, values: Mapping[str, Any]) -> str:
    """The text of drills/drafted.toml."""
    return HEAD + "".join(_toml(each) for each in [*_of_tables(plan), *_of_settings(values), *_of_project()])


def _toml(fault: Mapping[str, Any]) -> str:
    lines = ["", "[[drill]]"]
    for name, value in fault.items():
        lines.append(f"{name} = {_value(value)}")
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        inside = ", ".join(
            f"{name if name.isidentifier() else json.dumps(name)} = {_value(each)}" for name, each in value.items()
        )
        return f"{{ {inside} }}"
    return json.dumps(value, ensure_ascii=False)


def _of_tables(plan: Plan) -> Iterator[dict[str, Any]]:
    """Faults of the delivered table and of the SQL."""
    raw = {column.name: column for column in plan.raw}
    numbers = [
        f.column
        for f in plan.features
        if f.modelled and f.sql == f.column.name and f.column.kind in ("number", "integer")
    ]
    wide = [column for column in numbers if (column.low, column.high) != (0, 1)]
    categories = [
        raw[f.column.name]
        for f in plan.features
        if f.modelled and f.sql == f.column.name and f.column.kind == "category" and f.column.allowed
    ]

    def rewrite(sql: str) -> list[dict[str, str]]:
        return [{"table": TABLE, "sql": f"{sql} from {TABLE}"}]

    if wide:
        name = wide[0].name
        yield {
            "name": f"{name} in another unit",
            "gate": "Monitoring 2",
            "story": f"A source writes {name} in thousandths of the unit, into the same column.",
            "table": rewrite(f"select * replace (({name} * 1000)::{_sql(wide[0].kind)} as {name})"),
        }
        yield {
            "name": f"{name} converted twice",
            "gate": "Data 7",
            "story": f"Somebody converted {name} once more in features.sql, though it was converted already.",
            "edit": [{"package": "features.sql", "old": f"    {name},\n", "new": f"    {name} * 3 as {name},\n"}],
        }
        yield {
            "name": "a column without an entry",
            "gate": "Data 1",
            "story": "A new column is made in SQL to try it out. The contract does not know it, so nothing checks it.",
            "edit": [
                {
                    "package": "features.sql",
                    "old": f"    {name},\n",
                    "new": f"    {name},\n    {name} * 2 as {name}_doubled,\n",
                }
            ],
        }
    if bound := _bound(plan):
        yield {
            "name": "a bound is moved out of the way",
            "gate": "Data 1",
            "story": "A check was red on a Friday. The bound was set far away, and nobody came back to it.",
            "edit": [bound],
        }
    for column in (wide or numbers)[:1]:
        yield {
            "name": f"{column.name} is empty",
            "gate": "Monitoring 2",
            "story": "A field of the form was renamed, and the export gives an empty column.",
            "table": rewrite(f"select * replace (null::{_sql(column.kind)} as {column.name})"),
        }
        yield {
            "name": f"{column.name} has a better name",
            "gate": "Monitoring 2",
            "story": "The team that owns the table gave a column a better name.",
            "table": rewrite(f"select * exclude ({column.name}), {column.name} as {column.name}_new"),
        }
    for column in categories[:1]:
        yield {
            "name": f"{column.name} in capitals",
            "gate": "Monitoring 2",
            "story": f"The source changed the spelling of {column.name}.",
            "table": rewrite(f"select * replace ({column.name} || ' ' as {column.name})"),
        }
    yield {
        "name": "rows loaded twice",
        "gate": "Monitoring 2",
        "story": "A load job was repeated after a failure.",
        "table": [{"table": TABLE, "sql": f"select * from {TABLE} union all select * from {TABLE}"}],
    }
    yield from _of_the_future(plan, [*wide, *numbers])


def _of_the_future(plan: Plan, numbers: list[Any]) -> Iterator[dict[str, Any]]:
    roles = plan.decided.roles
    if roles.time and numbers:
        name = numbers[0].name
        target = next(f for f in plan.features if f.column.name == roles.target)
        value = f"({target.sql.rpartition(' as ')[0] or target.sql})"
        number = value if roles.regression else f"{value}::integer"
        mixed = f"(coalesce({name}, 0) + 0.01 * coalesce({number}, 0))::{_sql(numbers[0].kind)}"
        if numbers[0].kind == "integer":
            mixed = f"coalesce({name}, 0) + (coalesce({number}, 0) > 0)::integer"
        yield {
            "name": "the target in a feature",
            "gate": "Data 4",
            "story": f"A correction of {name} uses what is known only afterwards.",
            "edit": [{"package": "features.sql", "old": f"    {name},\n", "new": f"    {mixed} as {name},\n"}],
        }


def _bound(plan: Plan) -> dict[str, str] | None:
    """An edit of the contract that moves the upper bound of a feature far away."""
    text = contract_text(plan)
    for each in plan.features:
        if each.modelled and each.column.high is not None and (each.column.low, each.column.high) != (0, 1):
            found = re.findall(rf'name="{each.column.name}",[^()]*?high=[^,)\s]+', text)
            if len(found) == 1:
                moved = found[0].rpartition("high=")[0] + "high=1_000_000_000_000_000"
                return {"package": "contract.py", "old": found[0], "new": moved}
    return None


def _sql(kind: str) -> str:
    return "bigint" if kind == "integer" else "double"


def _of_settings(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Faults of the settings."""
    if values["boosting"]:
        yield {
            "name": "settings changed after training",
            "gate": "Model 1",
            "story": "The learning rate was halved and nobody trained again: what serves is not what is reviewed.",
            "train": "before",
            "setting": {"model.learning_rate": 0.05},
        }
    elif "threshold" in values:
        yield {
            "name": "settings changed after training",
            "gate": "Model 1",
            "story": "The threshold was changed and nobody trained again: what serves is not what is reviewed.",
            "train": "before",
            "setting": {"model.threshold": round(values["threshold"] / 2 + 0.4, 2)},
        }
    yield {
        "name": "limits of drift in percent",
        "gate": "Monitoring 7",
        "story": "The alarms of drift were a nuisance. Somebody wrote new limits, in percent: nothing can exceed them.",
        "train": "before",
        "setting": {"monitoring.max_psi": 20, "monitoring.max_unseen": 1},
    }


def _of_project() -> Iterator[dict[str, Any]]:
    for each in ANY_PROJECT:
        fault: dict[str, Any] = dict(each)
        yield {
            "name": fault["name"],
            "gate": fault["gate"],
            "story": fault["story"],
            "train": "before",
            "damage": fault["damage"],
        }
    yield {
        "name": "lock without a line",
        "gate": "Monitoring 1",
        "story": "A merge lost the entry of a package that others need: the next machine gets the newest.",
        "train": "before",
        "edit": [{"file": "requirements.txt", "old": "\nthreadpoolctl==", "new": "\n# threadpoolctl=="}],
    }
