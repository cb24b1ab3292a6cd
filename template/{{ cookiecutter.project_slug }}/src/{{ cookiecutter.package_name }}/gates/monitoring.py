"""TO BE WRITTEN."""

from .judge import Judgement
from .judge import gate


@gate("Monitoring 1", "dependency changes result in notification")
def dependencies(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Monitoring 2", "data invariants hold for inputs")
def invariants(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Monitoring 3", "training and serving are not skewed")
def no_skew(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Monitoring 4", "models are not too stale")
def fresh(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Monitoring 5", "models are numerically stable")
def stable(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Monitoring 6", "computing performance has not regressed")
def fast(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Monitoring 7", "prediction quality has not regressed")
def quality(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"
