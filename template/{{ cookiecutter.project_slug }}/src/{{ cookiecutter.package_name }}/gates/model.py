"""TO BE WRITTEN."""

from .judge import Judgement
from .judge import gate


@gate("Model 1", "model specs are reviewed and submitted")
def reviewed(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Model 2", "offline and online metrics correlate")
def offline_online(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Model 3", "all hyperparameters have been tuned")
def tuned(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Model 4", "the impact of model staleness is known")
def staleness_known(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Model 5", "a simpler model is not better")
def no_simpler(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Model 6", "model quality is sufficient on important data slices")
def slices(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"


@gate("Model 7", "the model is tested for considerations of inclusion")
def inclusion(evidence: None) -> Judgement:
    """TO BE WRITTEN."""
    return True, "to be written"
