"""The model as a service of BentoML."""

import os

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1)
class Flights:
    """One model, one method."""

    def __init__(self) -> None:
        self.model = joblib.load(os.environ["PEER_MODEL"])

    @bentoml.api
    def predict(self, row: dict) -> float:
        """The probability for one row."""
        return float(self.model.predict_proba(pd.DataFrame([row]))[0, 1])
