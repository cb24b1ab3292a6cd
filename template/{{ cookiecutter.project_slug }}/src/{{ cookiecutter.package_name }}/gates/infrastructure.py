"""TO BE WRITTEN."""

from .judge import Judgement
from .judge import gate


@gate("Infrastructure 1", "training is reproducible")
def reproducible(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Infrastructure 2", "model specs are unit tested")
def spec_tested(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Infrastructure 3", "the ML pipeline is integration tested")
def integrated(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Infrastructure 4", "model quality is validated before serving")
def validated(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Infrastructure 5", "the model is debuggable")
def debuggable(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Infrastructure 6", "models are canaried before serving")
def canaried(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Infrastructure 7", "serving models can be rolled back")
def rolled_back(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"
