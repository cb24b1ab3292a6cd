"""A BentoML service as its guide shows it."""

import os
from typing import Any

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1, metrics={"enabled": True}, traffic={"timeout": 60, "concurrency": 64})
class Delays:
    """One model, one method."""

    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def predict(self, row: dict[str, Any]) -> dict[str, float]:
        """The probability of one row."""
        return {"probability": float(self.pipeline.predict_proba(pd.DataFrame([row]))[0, 1])}
