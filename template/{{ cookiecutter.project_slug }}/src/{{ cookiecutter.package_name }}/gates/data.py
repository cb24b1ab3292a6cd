"""TO BE WRITTEN."""

from .judge import Judgement
from .judge import gate


@gate("Data 1", "feature expectations are captured in a schema")
def schema(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Data 2", "all features are beneficial")
def beneficial(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Data 3", "no feature costs too much")
def affordable(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Data 4", "features adhere to meta-level requirements")
def requirements(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Data 5", "the data pipeline has appropriate privacy controls")
def private(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Data 6", "new features can be added quickly")
def extensible(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Data 7", "all input feature code is tested")
def code_tested(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"
