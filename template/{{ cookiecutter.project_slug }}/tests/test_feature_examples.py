"""The worked examples: tables in a folder of CSV files, and the features that somebody calculated from them by hand."""

from pathlib import Path

from roadworthy import Project
from roadworthy.gates.features import compare_worked_examples, example_features, read_example

FOLDER = Path(__file__).parent / "feature_examples"


def test_the_sql_gives_the_expected_values(project: Project) -> None:
    contract = project.contract
    made = example_features(project, FOLDER)
    expected = read_example(FOLDER / "expected.csv", contract.features)
    found = compare_worked_examples(contract, made, expected)
    assert (found.rows, found.missing, found.extra, found.different) == (len(expected), 0, 0, {})
    assert {contract.key, contract.target, *project.settings.model.features} <= set(expected)


def test_every_feature_of_the_model_has_two_different_examples(project: Project) -> None:
    expected = read_example(FOLDER / "expected.csv", project.contract.features)
    assert all(expected[name].nunique() > 1 for name in (*project.settings.model.features, project.contract.target))
