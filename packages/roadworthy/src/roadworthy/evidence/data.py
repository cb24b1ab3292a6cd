"""Evidence for the seven gates of features and data; each function says in its own module how it measures."""

from . import added_feature, contribution, expectations, feature_costs, foresight, personal_traces, worked_examples
from .bench import Bench


def schema(bench: Bench) -> expectations.Expectations:
    """The contract beside the data, and the planted values that it does not refuse."""
    return expectations.measure(bench)


def contributions(bench: Bench) -> contribution.Contributions:
    """The AUC that each feature contributes, with its interval by days."""
    return contribution.measure(bench)


def costs(bench: Bench) -> feature_costs.Costs:
    """Time and bytes of each feature in serving, and the work of its SQL."""
    return feature_costs.measure(bench)


def requirements(bench: Bench) -> foresight.Requirements:
    """What the contract says against features, and which of them change when the future is taken away."""
    return foresight.measure(bench)


def privacy(bench: Bench) -> personal_traces.Traces:
    """Personal data in the tables, private values in what was written, a private value sent through the log."""
    return personal_traces.measure(bench)


def extension(bench: Bench) -> added_feature.Extension:
    """Where a feature arrives that is added to a copy in the documented steps."""
    return added_feature.measure(bench)


def examples(bench: Bench) -> worked_examples.Examples:
    """The SQL of the features against examples that were calculated by hand."""
    return worked_examples.measure(bench)
