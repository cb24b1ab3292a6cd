"""FastAPI as tutorials show it: a model from joblib, a pydantic model, a DataFrame for each request."""

import os
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import create_model

pipeline = joblib.load(os.environ["MODEL"])
Row = create_model("Row", **dict.fromkeys(pipeline.feature_names_in_, (Any, ...)))
app = FastAPI()


@app.post("/v1/predict")
def predict(row: Row) -> dict[str, float]:  # type: ignore[valid-type]
    """The probability of one row."""
    frame = pd.DataFrame([row.model_dump()])  # type: ignore[attr-defined]
    return {"probability": float(pipeline.predict_proba(frame)[0, 1])}
