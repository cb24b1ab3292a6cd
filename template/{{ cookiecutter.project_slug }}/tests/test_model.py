"""The model is what its specification says, and better than nothing."""

from datetime import date

import pytest

import roadworthy as rw

TRAIN, TEST = (date(2013, 4, 1), date(2013, 6, 1)), (date(2013, 6, 1), date(2013, 7, 1))


@pytest.fixture(scope="module")
def smaller(project: rw.Project) -> rw.Project:
    """The project on three months, with fewer trees."""
    settings = project.settings
    model = settings.model.model_copy(update={"max_iter": 25})
    split = settings.split.model_copy(update={"train": TRAIN, "test": TEST})
    return project.using(settings.model_copy(update={"model": model, "split": split}))


@pytest.mark.parametrize("name", ["max_iter", "learning_rate", "max_leaf_nodes"])
def test_what_the_specification_says_arrives_in_the_estimator(project: rw.Project, name: str) -> None:
    spec = project.settings.model
    assert project.build(spec).get_params()[name] == getattr(spec, name)


def test_every_hyperparameter_that_is_tried_is_one_of_the_specification(project: rw.Project) -> None:
    tried = {*project.search.grid, *(name for one in project.search.quick for name in one)}
    assert tried <= set(type(project.settings.model).model_fields)


def test_it_is_better_than_the_base_rate_and_passes_its_tests(smaller: rw.Project) -> None:
    trained = smaller.model.train(smaller.data.split())
    assert trained.evaluation.to_dict()["auc_low"] > 0.6
    assert {verdict.gate: verdict.passed for verdict in trained.verdicts}["better than the base rate"]
