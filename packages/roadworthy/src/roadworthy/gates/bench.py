"""What the gates look at: one version of the model with its data, and what turns a function into a gate."""

import json
import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ..base.errors import Verdict
from ..base.settings import DEFAULT_LIMITS, Limits, Model
from ..bundle import bundle
from ..bundle.bundle import Bundle
from ..bundle.signature import Scale
from ..contract import checks
from ..contract.workspace import Workspace
from ..data import snapshots
from ..data.snapshots import thin_rows
from ..model import evaluation, training
from ..registry import export
from ..registry.registry import CHAMPION, Registry

SAMPLE = 40_000  # rows: a fit takes about two seconds
SHOWN = 3  # problems that are named; the others are counted
OF_THE_DATA = {"connection", "report", "frame", "split", "train", "test"}
Part = TypeVar("Part")
Evidence = TypeVar("Evidence")
Judgement = tuple[bool | None, str]


class NotJudgedError(Exception):
    """A part that a gate needs is missing or broken; another gate says so."""


class part(Generic[Part]):  # noqa: N801 - used like property
    """A shared part of the bench: made on first use; a failure is remembered as well, and raised each time."""

    def __init__(self, make: Callable[[Any], Part]) -> None:
        self.make, self.__doc__ = make, make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Remember under which name the part is remembered."""
        self.name = name

    def __get__(self, bench: Any, owner: type | None = None) -> Part:
        """The part; NotJudgedError when it cannot be made."""
        if self.name not in bench.made:
            try:
                bench.made[self.name] = self.make(bench)
            except NotJudgedError as error:
                bench.made[self.name] = error
            except Exception as error:  # noqa: BLE001 - whatever broke it, the gates after it cannot judge
                bench.made[self.name] = NotJudgedError(f"{self.name.replace('_', ' ')}: {first_line(error)}")
        made = bench.made[self.name]
        if isinstance(made, NotJudgedError):
            raise made
        return made  # type: ignore[no-any-return]


class Bench:
    """A version of the model (the champion without a number), the version before it, and the data of the settings."""

    def __init__(self, project: Workspace, version: int | str = CHAMPION) -> None:
        self.project = project
        self.config, self.home, self.contract = project.settings, project.folder, project.contract
        self.registry = Registry(self.config.paths.registry)
        self.version = self.registry.resolve(version)
        self.made: dict[str, Any] = {}

    def with_features(self, *features: str) -> "Bench":
        """The same data and version under a specification with other features, as a team may commit it."""
        spec = self.spec.model_copy(update={"features": features})
        other = Bench(self.project.using(self.config.model_copy(update={"model": spec})), self.version)
        other.made = {name: made for name, made in self.made.items() if name in OF_THE_DATA}
        return other

    @cached_property
    def scratch(self) -> Path:
        """A folder for what a gate tries out; it goes with the bench."""
        folder = tempfile.mkdtemp(prefix="gates-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    @property
    def spec(self) -> Model:
        """The committed specification of the model."""
        return self.config.model

    @part
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The snapshot, its sums verified, before any check."""
        snapshot = self.config.snapshot()
        return snapshots.open_snapshot(self.project, snapshot)

    @part
    def report(self) -> checks.Report:
        """What the data checks say about the snapshot."""
        limit = self.config.data.checks.max_quarantined
        return checks.check_snapshot(self.project, self.connection, max_quarantined=limit)

    @part
    def frame(self) -> pd.DataFrame:
        """The features of the snapshot without the quarantined rows."""
        if not self.report.passed:
            raise NotJudgedError("the data do not keep the contract, see Monitoring 2")
        checks.exclude_quarantined(self.connection, self.report)
        return snapshots.checked_features(self.project)

    @part
    def split(self) -> snapshots.Split:
        """The rows that training took and the later ones."""
        return snapshots.split_features(self.project, self.frame)

    @part
    def train(self) -> pd.DataFrame:
        """About `SAMPLE` of the training rows, from every day."""
        return thin_rows(self.split.train, SAMPLE)

    @part
    def test(self) -> pd.DataFrame:
        """About `SAMPLE` of the test rows, from every day."""
        return thin_rows(self.split.test, SAMPLE)

    @part
    def bundle(self) -> Bundle:
        """The version under judgement as serving loads it."""
        return Bundle.load(self.folder)

    @property
    def folder(self) -> Path:
        """The folder of the version under judgement."""
        return self.registry.path(self.version)

    @part
    def manifest(self) -> dict[str, Any]:
        """The manifest of the version under judgement: sums, lineage, packages, time."""
        return read_json(self.folder / "manifest.json")

    @part
    def trained_spec(self) -> Model:
        """The specification that the version was trained with, by its manifest."""
        return Model(**self.manifest["lineage"]["spec"])

    @property
    def problem(self) -> evaluation.Problem:
        """How answers to the target are judged."""
        return evaluation.problem_of(self.contract)

    @part
    def scale(self) -> Scale:
        """The unit in which limits are kept, by the labels of training."""
        return self.problem.scale(self.split.train[self.contract.target])

    @part
    def answers(self) -> NDArray[np.float64]:
        """The answer to every test row, by the version under judgement."""
        return bundle.predict_frame(self.bundle, self.split.test)

    @part
    def evaluation(self) -> evaluation.Evaluation | evaluation.NumberEvaluation:
        """How good those answers are."""
        test = self.split.test
        y, day = test[self.contract.target], test[self.contract.day]
        return self.problem.evaluate(y, self.answers, day, own=self.project.metrics)

    @part
    def pipeline(self) -> Pipeline:
        """The model fitted once more, by scikit-learn, on the rows that training took."""
        return training.fit_pipeline(self.project, self.split.train, self.spec, self.split.half_life)

    @part
    def before(self) -> Bundle:
        """The bundle that serves or served before this version; without one, a model of the training days but the last.

        A rehearsal needs a version to compare with and to go back to. The first version of a project has none. A
        damaged one is the fault of none that compares with it, see Infrastructure 7.
        """
        champion = self.registry.aliases().get(CHAMPION)
        number = self.registry.predecessor(self.version) if champion == self.version else champion
        return Bundle.load(self.registry.path(number) if number else self._older())

    def _older(self) -> Path:
        split = self.split
        days = np.sort(split.train[self.contract.day].unique())
        shorter = split.train[split.train[self.contract.day] < days[-(len(days) // 6)]]
        trained = training.train_model(
            self.project, snapshots.Split(thin_rows(shorter, SAMPLE), self.test), self.spec, self.config.tests
        )
        folder = self.scratch / "before" / "versions" / "1"
        folder.mkdir(parents=True)
        export.write_bundle(trained, folder)
        return folder


def of_the_present(bench: Bench) -> bool:
    """Whether the version is made of the data and settings of now, so that it can be made again."""
    return bool(bench.manifest.get("lineage") == json.loads(json.dumps(training.project_lineage(bench.project))))


def read_json(file: Path) -> dict[str, Any]:
    """What a JSON file of a version holds, by name."""
    return dict(json.loads(file.read_text(encoding="utf-8")))


def first_line(error: Exception) -> str:
    """What an error says in its first line, or its kind when it says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


@dataclass(frozen=True)
class Gate(Generic[Evidence]):
    """A claim, the function that gathers the evidence for it from a bench, and the one that judges the evidence.

    `needs` are the inputs on which the evidence depends, see `run`. `limited`: the judge is given the limits as well.
    """

    name: str
    claim: str
    gather: Callable[[Bench], Evidence]
    judge: Callable[..., Judgement]
    needs: tuple[str, ...] = ()
    limited: bool = False

    @property
    def section(self) -> str:
        """Data, Model, Infrastructure or Monitoring."""
        return self.name.split()[0]

    def __call__(self, evidence: Evidence, limits: Limits = DEFAULT_LIMITS) -> Verdict:
        """The verdict on this evidence, by these limits."""
        passed, words = self.judge(evidence, limits) if self.limited else self.judge(evidence)
        return Verdict(self.name, passed, words)


def gate(
    name: str, claim: str, gather: Callable[[Bench], Evidence], needs: str = ""
) -> Callable[[Callable[[Evidence], Judgement]], Gate[Evidence]]:
    """Make a function that judges evidence the gate `name`, section and number in the paper, for example "Model 6".

    It returns whether the claim holds (None: it cannot be judged) and the evidence in words, to be shown as it is.
    """
    return lambda judge: Gate(name, claim, gather, judge, tuple(needs.split()))


def limited_gate(
    name: str, claim: str, gather: Callable[[Bench], Evidence], needs: str = ""
) -> Callable[[Callable[[Evidence, Limits], Judgement]], Gate[Evidence]]:
    """The same for a function that judges evidence by [limits] of config.toml, which it is given."""
    return lambda judge: Gate(name, claim, gather, judge, tuple(needs.split()), limited=True)


def judge_problems(problems: Sequence[str], good: str) -> Judgement:
    """Green with `good`, or red with the first problems and how many there are."""
    return not problems, first_problems(problems) or good


def first_problems(problems: Sequence[str]) -> str:
    """The first problems in words, and how many more there are."""
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "; ".join(problems[:SHOWN]) + more
