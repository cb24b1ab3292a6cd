"""No limit of the data stands in the code: what is compared with a figure is a formula, a standard or a setting."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import roadworthy
from roadworthy.base.settings import Limits
from roadworthy.monitoring import distributions

LIBRARY = Path(str(roadworthy.__file__)).parent
NAMED_LIKE_A_LIMIT = re.compile(r"(MAX|MIN|LEAST|MOST|FEWEST|WORSE|LARGEST|SMALLEST|LONGEST|SHORTEST)(_|$)")
MAKES_A_NUMBER = {"max", "min", "float", "timedelta", "Timedelta", "timedelta64"}


def is_number(value: ast.expr) -> bool:
    """A number as it may be written: -0.01, 1 << 20, 2 * OTHER, timedelta(days=1)."""
    match value:
        case ast.Constant(value=constant):
            return isinstance(constant, int | float) and not isinstance(constant, bool)
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
        case ast.Name(id=str(name)) | ast.Attribute(attr=str(name)):
            return name.isupper()
        case ast.Call(func=ast.Name(id=str(name)) | ast.Attribute(attr=str(name))):
            return name in MAKES_A_NUMBER
    return False


def numbers(tree: ast.Module) -> Iterator[str]:
    """The names of the numbers that a module defines at its top, also several in one line."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                pairs = list(zip(names, values, strict=True))
            case ast.Assign(targets=[name], value=value):
                pairs = [(name, value)]
            case ast.AnnAssign(target=name, value=ast.expr() as value):
                pairs = [(name, value)]
            case _:
                continue
        yield from (
            name.id for name, value in pairs if isinstance(name, ast.Name) and name.id.isupper() and is_number(value)
        )


def imported(path: Path, tree: ast.Module, root: Path) -> dict[str, str]:
    """What the names of a module stand for that come from others of the library: modules, or names in them."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*path.relative_to(root).parent.parts][: None if node.level == 1 else -(node.level - 1)]
            whole = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            found |= {alias.asname or alias.name: f"{whole}.{alias.name}".strip(".") for alias in node.names}
    return found


def compared(path: Path, tree: ast.Module, root: Path) -> Iterator[str]:
    """The names, with their modules, in everything that a module compares."""
    here, known = name_of(path, root), imported(path, tree, root)
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for each in ast.walk(node):
                if isinstance(each, ast.Name):
                    yield known.get(each.id, f"{here}.{each.id}")
                elif isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
                    yield f"{known.get(each.value.id, here)}.{each.attr}"


def name_of(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts)


def limits_in(root: Path) -> set[str]:
    """The numbers at the top of the modules in a folder that are compared somewhere, or named like a limit."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in root.rglob("*.py")}
    defined = {f"{name_of(path, root)}.{name}" for path, tree in trees.items() for name in numbers(tree)}
    used = {name for path, tree in trees.items() for name in compared(path, tree, root)}
    return {name for name in defined if name in used or NAMED_LIKE_A_LIMIT.match(name.rpartition(".")[2])}


# Where each number is from. A limit that was set on some data belongs into `Limits` of base/settings.py, not here.
SOURCES: dict[str, dict[str, str]] = {
    "formula": {
        "project.adoption.choices.MIN_DAYS": "as many days as the gate Infrastructure 4 asks for",
        "project.adoption.choices.MIN_POSITIVES": "the least that settings allow",
        "project.adoption.decisions.FEWEST_GROUPS": "blocks of a split",
        "project.adoption.decisions.REPEATED": "with more different values hardly one comes back",
        "project.adoption.plan.TAUGHT": "the share of the periods that are drafted",
        "project.adoption.leaks.BINS": "so that each bin has rows enough",
        "project.adoption.leaks.FEWEST": "chance: an AUC of fewer rows is known to .1",
        "project.adoption.leaks.FIRST_LOOK": "for the time that pairs take",
        "project.adoption.leaks.LOOK": "for the time that pairs take",
        "project.adoption.leaks.MANY": "chance: numbers of fewer values are equal by it",
        "project.adoption.leaks.ROUGHLY": "chance: what a quarter of the rows may be off",
        "project.adoption.measures.FEWEST_VARIANTS": "for the time that they take",
        "project.adoption.plan.FEWEST": "chance: of what came five times others will come",
        "project.adoption.roles.MANY": "numbers of persons are more than that",
        "project.adoption.roles.NEARLY_ALL": "with fewer different values it is no key",
        "bundle.signature.LARGEST": "the largest float32",
        "bundle.signature.LARGEST_WHOLE": "up to here a float64 holds every whole number",
        "gates.alternatives.LEARNED": "parts of the plan of the measurement, not of a figure",
        "gates.alternatives.MOST_PARTS": "parts of the plan of the measurement, not of a figure",
        "gates.alternatives.PARTS": "parts of the plan of the measurement, not of a figure",
        "gates.infrastructure.SAME": "the precision of sums in float32",
        "gates.model.FEWEST_BLOCKS": "a correlation of two points is always 1 or -1",
        "gates.specification.FEWEST": "a correlation of two points is always 1 or -1",
        "model.training.BLOCK": "the weeks of tuning: part of the plan, not of a figure",
        "model.training.EVERY": "the weeks of tuning: part of the plan, not of a figure",
        "model.training.FOLDS": "parts of the plan of the measurement, not of a figure",
        "model.training.HELD_OUT_PARTS": "parts of the plan of the measurement, not of a figure",
        "monitoring.limits.DAYS": "a week, the unit of the windows",
    },
    "standard": {
        "cli.adoption.MOST_QUESTIONS": "that people answer",
        "project.adoption.choices.STRONG": "a draft that people look at: a direction that is plain to see",
        "project.adoption.choices.VALUES": "of a picture that people read",
        "project.adoption.config_file.WIDTH": "of a line that people read",
        "project.adoption.decisions.AFTERWARDS": "a few dates are typed wrongly",
        "project.adoption.decisions.NEARLY": "a few rows are typed wrongly",
        "project.adoption.decisions.WORDS": "a name has two words",
        "project.adoption.leaks.CLEARLY": "planted in six real tables: the others know .9 of an honest column",
        "project.adoption.leaks.COPIED": "planted in six real tables: no honest column says so",
        "project.adoption.leaks.FILLED": "planted in six real tables: no honest column is filled so unlike",
        "project.adoption.leaks.ORDERED": "planted in six real tables",
        "project.adoption.leaks.SAME": "planted in six real tables: honest columns are never equal to the target",
        "project.adoption.leaks.SHIFTED": "planted in six real tables: honest columns are never those of a later row",
        "project.adoption.decisions.PASSED": "rounding: the time that passed, to the day or the hour",
        "project.adoption.plan.CLOSED": "of a list that people read",
        "project.adoption.plan.MOST_DAYS": "a hundred years",
        "project.adoption.plan.YEAR": "seasons come round in it",
        "project.adoption.records.MOST_ASIDE": "with more rows that cannot be used it is another file",
        "project.adoption.roles.CLASSES": "people can tell so many classes apart",
        "project.adoption.roles.FEW_MISSING": "a few rows have lost their time",
        "project.adoption.roles.MOST_DAYS": "ten years",
        "project.adoption.columns.MOST_CATEGORIES": "different texts of a column; a person looks at what becomes of it",
        "project.adoption.spellings.MOST_WRONG": "share of the rows; they are kept aside, counted and shown",
        "base.progress.EVERY": "seconds between two lines that people read",
        "base.source_code.SHOWN": "lines of a message that people read",
        "bundle.bundle.MAX_DIFFERENCE": "between sums in float32 and in float64",
        "bundle.signature.LONGEST": "characters; what is longer is no category but an attack",
        "cli.serving.SHOWN": "rows of a table that people read",
        "cli.vendor.LARGEST": "bytes of a release of this library",
        "contract.rules.MIN_WEEKS": "chance: fewer weeks say nothing about what is usual",
        "data.delimited.LONGEST_LINE": "bytes; what is longer is no line but a quote that is not closed",
        "data.delimited.MOST_COLUMNS": "for the memory that they take",
        "data.delimited.MOST_REJECTED": "share of lines; what the rows then say is judged by the contract",
        "data.delimited.SAMPLE": "characters in which a separator is looked for",
        "data.delimited.SURE": "share of lines that a separator must explain to be one",
        "data.deliveries.LARGEST_JSON": "bytes that are in memory as a whole",
        "data.snapshots.MIN_ROWS": "chance: fewer rows teach and show nothing",
        "gates.alarms.CERTAIN_DRIFT": "four times .25, by convention another population",
        "gates.alarms.DELAY": "of the planted labels, which the gate makes itself",
        "gates.bench.SHOWN": "problems in a message that people read",
        "gates.calibrate.FEWEST": "chance: the spread of fewer figures is not known",
        "gates.clean_history.MIN_DAYS": "chance: a sixth of fewer days shows nothing",
        "gates.data.MAX_FILES": "the files of the documented change",
        "gates.data.MAX_GROWTH": "work that grows with the rows, and not faster",
        "gates.infrastructure.LEARNED": "on invented rows without noise, the same for every project",
        "gates.infrastructure.SAME_MODEL": "of one model by two ways; another column or class is farther",
        "gates.model.MAX_DIFFERENCE": "of one model by two ways on the same rows: rounding",
        "gates.model.MIN_CORRELATION": "of one model by two ways on the same rows: rounding",
        "gates.model.SHOWN": "differences in a message that people read",
        "gates.monitoring.MAX_BATCH_DIFFERENCE": "float32: batches add in the same order",
        "gates.monitoring.MAX_TIMES_BEFORE": "the time of two bundles on one machine, .8 to 1.4 for the same one",
        "gates.privacy.LARGEST": "bytes that are read, for the time that it takes",
        "gates.privacy.SHORTEST": "characters; what is shorter stands anywhere by chance",
        "gates.reproducibility.NULLS": "of invented rows, which the gate makes itself",
        "gates.skew.SINGLE": "rows that are asked one by one",
        "gates.specification.FEWEST_OF_SLICE": "chance: a share of so many rows is known to .03",
        "gates.speed.CERTAIN": "what a claim of certainty is; how many there may be is a setting",
        "gates.whole_pipeline.FEWEST": "more rows than a monitor needs to judge",
        "gates.whole_pipeline.SAME": "float32",
        "model.calibration.BLOCKS": "chance: days, of which three folds are made",
        "model.evaluation.MIN_CLASS": "chance: fewer rows of a class say nothing",
        "monitoring.distributions.MANY": "rows from which on a p-value is a limit",
        "monitoring.distributions.MAX_CPU": "the time of two versions on one machine",
        "monitoring.distributions.SMALLEST": "share of an empty bin, so that its logarithm is a number",
        "monitoring.distributions.TINY": "a p-value that is as good as 0",
        "monitoring.estimates.MIN_DAYS": "chance: days of a held-out part",
        "monitoring.estimates.SMALLEST": "nearer to 0 and 1 the log loss has no bound",
        "monitoring.limits.MIN_BLOCKS": "chance: fewer blocks say nothing about a season",
        "monitoring.limits.MIN_EXPLAINED": "half of the variance; with less, a residual is the feature itself",
        "monitoring.log_stores.APPLICATION": "the mark of a file",
        "monitoring.report.MOST_BARS": "of a picture that people read",
        "monitoring.report.MOST_LETTERS": "of a picture that people read",
        "monitoring.report.MOST_OPENED": "of a page that people read",
        "monitoring.report.MOST_PICTURES": "of a page that people read",
        "monitoring.report.MOST_ROWS": "of a page that people read",
        "monitoring.timeline.MOST_NAMED": "subjects in a message that people read",
        "reports.pages.CONTENTS_FROM": "sections of a page that people read",
        "reports.pages.LARGEST_SVG": "bytes of a picture",
        "retraining.model_card.MOST_SLICES": "of a picture that people read",
        "retraining.replay.EXACT": "float64: the order of sums is not the same on every machine",
        "serving.batch.MOST_THREADS": "for the memory that they take",
        "serving.canary.FEWEST": "chance: rows with which the PSI is known to .19",
        "serving.canary.FEWEST_FAILED": "one or two failures may be those of the machine",
        "serving.canary.MAX_FAILED": "share of requests that a machine may lose",
        "serving.client.LONGEST_WAIT": "seconds of a client",
        "serving.request.MAX_PROBLEMS": "of a message that people read",
        "serving.request.MAX_VALUE": "characters in a message that people read",
        "serving.server.LARGEST_HEAD": "bytes of a request's head, against attacks",
        "serving.shadow.FEWEST": "chance: rows of a verdict",
        "serving.shadow.MAX_SLOWER": "the time of two versions on one machine",
        "serving.shadow.MOST": "rows, for the time that they take",
        "serving.shadow.RARE": "one row in a hundred, where a factor of hardly any rows says nothing",
        "serving.workers.RESTARTS": "of processes that die at once",
        "serving.workers.WITHIN": "seconds in which processes die at once",
    },
    "setting's default": {
        "model.evaluation.MAX_AUC_ALONE": "[tests] max_auc_alone",
        "model.evaluation.MAX_R2_ALONE": "[tests] max_r2_alone",
        "monitoring.distributions.MAX_PSI": "[limits] max_version_psi, where no settings are read",
    },
}


def test_every_number_that_is_compared_with_a_figure_has_a_source() -> None:
    known = {name for names in SOURCES.values() for name in names}
    assert limits_in(LIBRARY) == known


def test_a_default_in_the_code_is_that_of_the_settings() -> None:
    assert Limits().max_version_psi == distributions.MAX_PSI


@pytest.mark.parametrize(
    "planted",
    [
        "MAX_NEW = 0.3",
        "EVEN, NEW = 1, -0.5\ndef judge(x):\n    return x < NEW + 1",
        "NEW: int = 7\njudge = lambda x: x > NEW",
    ],
)
def test_a_limit_that_is_planted_in_the_code_is_found(tmp_path: Path, planted: str) -> None:
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates" / "new.py").write_text(planted, encoding="utf-8")
    (found,) = limits_in(tmp_path)
    assert found.startswith("gates.new.")
    assert "NEW" in found


@pytest.mark.parametrize(
    "used",
    [
        "from .limits import NEW as most\nred = lambda x: x > most",
        "from . import limits\nred = lambda x: x > limits.NEW",
    ],
)
def test_a_limit_that_another_module_compares_is_found(tmp_path: Path, used: str) -> None:
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates" / "limits.py").write_text("NEW = 3\nOTHER = 4\n", encoding="utf-8")
    (tmp_path / "gates" / "judge.py").write_text(used, encoding="utf-8")
    assert limits_in(tmp_path) == {"gates.limits.NEW"}
