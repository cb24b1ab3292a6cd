"""Exercise 02: what the prototype predicts without its leaks, and predictions that agree with others or do not."""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from . import prototype

NOISE = 9e-7  # just below the tolerance of 1e-6 that the exercise allows
FAULT = 0.001


@cache
def learned(seed: int) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame, np.ndarray]:
    """Features and labels to train with, later features, and the prototype's probabilities of a long session."""
    rows = prototype.sessions(seed)
    started = rows["started"].dt
    hour = started.hour + started.minute / 60
    every = rows.assign(hour=hour, weekday=started.day_of_week, mean_before=prototype.mean_before(rows))
    features = every[[*prototype.FEATURES, "mean_before"]]
    labels = (rows["hours"] > prototype.LONG).astype(int)
    cut = int(0.75 * len(rows))
    plain = pd.get_dummies(features, columns=["platform", "facility_type"]).astype(float)
    plain = plain.fillna(plain[:cut].mean())
    scaled = ((plain - plain[:cut].mean()) / plain[:cut].std().replace(0, 1)).to_numpy()
    model = LogisticRegression(max_iter=1000).fit(scaled[:cut], labels[:cut])
    return features[:cut], labels[:cut], features[cut:], model.predict_proba(scaled[cut:])[:, 1]


def predictions(seed: int) -> tuple[pd.Series, int]:
    """Invented probabilities by the number of the session, and the session at which a fault is planted."""
    random = np.random.default_rng(seed)
    numbers = prototype.some(seed)["session"].to_numpy()
    old = pd.Series(random.beta(1, 8, len(numbers)), index=pd.Index(numbers, name="session"))
    return old, int(numbers[random.integers(20, len(numbers) - 20)])


def good(old: pd.Series) -> dict[str, pd.Series]:
    """Predictions that a gate must pass."""
    noise = np.random.default_rng(0).uniform(-NOISE, NOISE, len(old))
    return {
        "equal predictions": old,
        "noise of 9e-7": (old + noise).clip(0, 1),
        "predictions in float32": old.astype("float32"),
        "rows in another order": old.sample(frac=1, random_state=1),
        "a Series with another name": old.rename("new"),
    }


def wrong_values(old: pd.Series, session: int) -> dict[str, pd.Series]:
    """Predictions with other values, from one session to all."""
    planted = old.index == session
    largest = np.argmax(np.where(planted, 0.0, old))
    higher = old + np.where(planted, FAULT, 0.0)
    lower = old - np.where(np.arange(len(old)) == largest, FAULT, 0.0)
    return {
        "one session .001 too high": higher,
        "one session .001 too low": lower,
        "errors of both signs": higher + lower - old,
        "the other class": 1 - old,
    }


def wrong_rows(old: pd.Series, session: int) -> dict[str, pd.Series]:
    """The same values, at the wrong sessions or not for each of them once."""
    following = old.index[int(np.flatnonzero(old.index == session)[0]) + 1]
    changed = {session: following, following: session}
    return {
        "predictions one row further": pd.Series(np.roll(old.to_numpy(), 1), index=old.index),
        "two sessions that changed places": old.rename(changed),
        "a missing session": old.drop(session),
        "a doubled session": pd.concat([old, old[[session]]]),
        "another number of a session": old.rename({session: 1}),
        "rows numbered anew": old.reset_index(drop=True),
        "no rows at all": old[:0],
    }


def no_probabilities(old: pd.Series, session: int) -> dict[str, pd.Series]:
    """One value that is no probability."""
    odd = {"NaN in one session": np.nan, "inf in one session": np.inf, "a probability of 1.5": 1.5, "one of -.2": -0.2}
    return {name: old.where(old.index != session, value) for name, value in odd.items()}
