"""The model is what its specification says, and better than nothing."""

from dataclasses import replace

import pytest
from conftest import open_project

import roadworthy as rw
from roadworthy.gates.reproducibility import field_reaches

SPEC = open_project().settings.model
ROWS, TREES = 20_000, 25  # as quick as a test should be


@pytest.mark.parametrize("name", ["seed", *SPEC.hyperparameters])
def test_what_the_specification_says_arrives_in_the_estimator(project: rw.Project, name: str) -> None:
    assert field_reaches(project, SPEC, name)


def test_every_hyperparameter_that_is_tried_is_one_of_the_specification(project: rw.Project) -> None:
    tried = {*project.search.grid, *(name for one in project.search.quick for name in one)}
    assert tried <= {*SPEC.hyperparameters}


def test_it_is_better_than_always_saying_the_same(project: rw.Project) -> None:
    smaller = project.using(project.settings.model_copy(update={"model": SPEC.with_fewer_trees(TREES)}))
    split = smaller.data.split()
    every = max(1, len(split.train) // ROWS)
    trained = smaller.model.train(replace(split, train=split.train.iloc[::every], test=split.test.iloc[::every]))
    learned = next(verdict for verdict in trained.verdicts if verdict.gate.startswith("better than"))
    assert learned.passed, learned.evidence
