"""Real flights and a small model of them, trained once for all tests."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from mle_standin import data
from mle_standin import settings
from mle_standin import training

HOME = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def config() -> settings.Settings:
    """The settings of the project with a smaller model, judged on few slices as it is judged on few days."""
    whole = settings.load(HOME)
    small = {"model": {"max_iter": 25}, "tests": {"slices": ("origin",)}}
    return whole.model_copy(update={name: getattr(whole, name).model_copy(update=v) for name, v in small.items()})


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    """The features of 2013."""
    return data.features(data.connect(HOME / "data" / "2013"))


@pytest.fixture(scope="session")
def split(flights: pd.DataFrame) -> data.Split:
    """Three months that teach, one that judges."""
    return data.split(flights, (date(2013, 4, 1), date(2013, 7, 1)), (date(2013, 7, 1), date(2013, 8, 1)))


@pytest.fixture(scope="session")
def trained(split: data.Split, config: settings.Settings) -> training.Trained:
    """A model of these months."""
    return training.train(split, config.model, config.tests)
