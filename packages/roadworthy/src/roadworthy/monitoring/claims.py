"""The monitors by name, each with what it claims: settings name them too, so nothing is imported here."""

CLAIMS = {
    "volume": "there are as many predictions as in training",
    "freshness": "predictions and labels keep coming",
    "skew": "the service is given what the batch path gives",
    "drift": "features are distributed as in training",
    "relation": "features stand to each other as in training",
    "prediction": "predictions are distributed as in training",
    "nulls": "values are missing as often as in training",
    "unseen": "training has seen the categories",
    "labels": "labels arrive",
    "auc": "ranking is as good as in the test",
    "skill": "predictions are better than one constant",
    "base rate": "the mean prediction is near the base rate",
    "calibration": "a probability is a frequency",
}
