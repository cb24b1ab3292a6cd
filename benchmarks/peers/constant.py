"""The limit of the framework: FastAPI validates one row with pydantic and answers a constant."""

import os
from pathlib import Path

import joblib
from fastapi import FastAPI
from pydantic import BaseModel
from pydantic import create_model

FEATURES = joblib.load(Path(os.environ["PEER_MODEL"])).feature_names_in_
Row = create_model("Row", **dict.fromkeys(FEATURES, (str | float | None, None)))
app = FastAPI()


class Answer(BaseModel):
    """As the service answers."""

    key: str | None = None
    probability: float = 0.5
    decision: bool = True
    model: str = "constant"
    version: str = "1"
    request_id: str = "0123456789abcdef"


@app.post("/predict")
async def predict(row: Row) -> Answer:
    """The same for every row."""
    del row
    return Answer()


@app.get("/ready")
async def ready() -> dict[str, bool]:
    """Whether requests are answered."""
    return {"ready": True}
