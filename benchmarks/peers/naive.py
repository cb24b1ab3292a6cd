"""What a first service often looks like: FastAPI, a joblib file, a DataFrame for each request."""

import os

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import create_model

MODEL = joblib.load(os.environ["PEER_MODEL"])
FEATURES = list(MODEL.feature_names_in_)
Row = create_model("Row", **dict.fromkeys(FEATURES, (str | float | None, None)))
app = FastAPI()


@app.post("/predict")
def predict(row: Row) -> dict[str, float]:
    """The probability for one row."""
    return {"probability": float(MODEL.predict_proba(pd.DataFrame([row.model_dump()]))[0, 1])}


@app.get("/ready")
def ready() -> dict[str, bool]:
    """Whether requests are answered."""
    return {"ready": True}
