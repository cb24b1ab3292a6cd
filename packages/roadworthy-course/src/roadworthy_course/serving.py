"""The data of the exercise on deployment, drawn with a seed: rows to ask for, a load test, prices, a canary's answers.

Requests are judged by the service's own reader, for a signature that is derived from the contract: no model is needed.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from roadworthy.base import databases
from roadworthy.bundle.signature import Feature, Signature
from roadworthy.data import snapshots
from roadworthy.project import Project
from roadworthy.serving.request import RequestReader

from . import drawn
from .answers import arrow, opened

HOME = "America/New_York"
COPIED = ("name", "kind", "about", "unit", "nullable", "allowed", "pattern", "low", "high", "private")
STALL = 1.5  # seconds for which the service of a load test answers nobody
SLOW = 100.0  # milliseconds from which an answer is late

BEFORE = ((9_000, 0.01), (100_000, 0.01), (9_000, 0.06))  # requests to a champion and their share of errors
ALONE = "The interval of this difference alone decides: is it of canary minus champion?"
BETTER = "Less is not bad: a share is bad only when its interval begins above 0"
BOTH = "The champion has them as well: compare the two, not the canary with a fixed limit"
LITTLE = "Surely more, and too little to matter: what ends below the margin is fine, even if it begins above 0"
NONE = "No error in twenty requests may be luck: p = (0 + 1) / (20 + 2), and the interval is wide"
ONE = "One error is no proof: the interval of 12 requests holds 0 as well"
FEW = "Too few to exclude a margin: the upper end must be below it, the difference alone is not enough"
LATE = "Slow is a share: ms above 100, of the successes"
MEAN = "Other answers to the same questions: compare the means of probability, with the interval"
LOWER = "Down is as bad as up: an interval that lies below 0 does not hold it"
EMPTY = "Without any success two of the three cannot be judged, and one can: any bad one is enough"
TRADED = "One bad is enough: what is better elsewhere does not make up for errors"


@cache
def reader(project: Project) -> RequestReader:
    """What the service reads requests with; rows may say their time."""
    return RequestReader(signature(project), project.settings.service.max_rows, times=True)


@cache
def signature(project: Project) -> Signature:
    """What a row must look like: the features of config.toml as the contract has them, categories not yet seen."""
    contract, model = project.contract, project.settings.model
    columns = [contract.features.column(name) for name in model.features]
    features = tuple(Feature(**{name: getattr(column, name) for name in COPIED}) for column in columns)
    return Signature(
        name=model.name,
        version_of_contract=contract.sha256,
        target=contract.target,
        key=contract.key,
        time=contract.time,
        threshold=model.threshold,
        features=features,
    )


def names(project: Project) -> list[str]:
    """The fields of a row of a request: the key, the time, the features."""
    found = signature(project)
    return [found.key, found.time, *found.names]


def departures(project: Project, seed: int, count: int = 40) -> pd.DataFrame:
    """Flights of 2023 with all that is known of them, also what is known only later; times are those of New York.

    A tenth has no weather, some have no plane; the index is not 0, 1, 2.
    """
    contract, rows = project.contract, _features(project, seed)
    silent = rows[rows["temp"].isna()].sample(count // 10, random_state=seed)
    ground = rows[rows["seats"].isna()].sample(2, random_state=seed)
    others = rows[rows["temp"].notna()].sample(count - len(silent) - 2, random_state=seed)
    chosen = pd.concat([silent, ground, others]).drop_duplicates(contract.key).sample(frac=1, random_state=seed)
    return chosen.assign(**{contract.time: chosen[contract.time].dt.tz_convert(HOME)})


@cache
def _features(project: Project, seed: int) -> pd.DataFrame:
    with opened(drawn.flights(project, seed)) as connection:
        return snapshots.make_features(project, connection)


def load_test(seed: int, count: int = 900) -> pd.DataFrame:
    """What a client measured: a row for each request, with planned, sent and done (seconds) and the status.

    One connection, a request every 10 ms by plan. For 1.5 seconds the service stalls; then the client sends late. An
    error comes at once. The rows are in no order.
    """
    random = np.random.default_rng(seed)
    begin = 1000 + float(np.round(random.uniform(0, 100), 3))
    planned = begin + np.arange(count) / 100
    status = np.where(random.random(count) < random.uniform(0.02, 0.06), 503, 200)
    status[status == 503] = random.choice([503, 500], (status == 503).sum())
    took = np.where(status == 200, random.lognormal(np.log(0.004), 0.35, count), 0.001)
    stalled = int(random.integers(count // 4, count // 2))
    took[stalled], status[stalled] = STALL, 200
    if (status == 200).sum() % 100 == 0:  # no whole percent: 0.99 * n would be a matter of rounding
        status[0], took[0] = 500, 0.001
    sent, done, free = np.empty(count), np.empty(count), 0.0
    for at in range(count):
        sent[at] = max(planned[at], free)
        free = done[at] = sent[at] + took[at]
    rows = pd.DataFrame({"planned": planned, "sent": sent, "done": done, "status": status})
    return rows.sample(frac=1, random_state=seed, ignore_index=True)


def tariffs(seed: int, count: int = 40) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Charging sessions (session, site, started, hours) and prices of a kWh (site, since, price), in no order.

    Some hours are missing, a site has no price at all, others have none yet; a price may begin at the very start of a
    session.
    """
    random = np.random.default_rng(seed)
    sessions = drawn.sessions_of(seed, count)[["session", "site", "started"]]
    sessions["hours"] = np.round(random.gamma(4, 0.75, len(sessions)), 2)
    sessions.loc[random.choice(len(sessions), len(sessions) // 15, replace=False), "hours"] = np.nan
    sites = sorted(sessions["site"].unique())
    begin = pd.Timestamp("2015-03-04", tz="UTC")
    rows = [(site, begin + pd.Timedelta(days=int(day))) for site in sites[1:] for day in random.choice(50, 4, False)]
    prices = pd.DataFrame(rows, columns=["site", "since"])
    first = sessions[sessions["site"] != sites[0]].drop_duplicates("site")
    exact = first.rename(columns={"started": "since"})[["site", "since"]].iloc[::2]
    prices = pd.concat([prices, exact]).drop_duplicates(ignore_index=True)
    prices["since"] = prices["since"].astype("datetime64[us, UTC]")
    prices["price"] = np.round(random.uniform(0.1, 0.6, len(prices)), 3)
    mixed = sessions.sample(frac=1, random_state=seed)
    return mixed, prices.sample(frac=1, random_state=seed, ignore_index=True)


def newest(sessions: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    """For each session, in order, its hours, its price (NaN without one), and whether that began with the session."""
    numbered = sessions.assign(place=np.arange(len(sessions)))
    query = """
        select s.hours, p.price, coalesce(p.since = s.started, false) as exact
        from sessions as s asof left join prices as p on s.site = p.site and s.started >= p.since order by s.place
    """
    with opened({"sessions": arrow(numbered), "prices": arrow(prices)}) as connection:
        return databases.ask(connection, query)


@dataclass(frozen=True)
class World:
    """A champion and a canary, a row for each request (status, ms, probability), what to do, and what is overlooked."""

    about: str
    champion: pd.DataFrame
    canary: pd.DataFrame
    right: str
    mistake: str


def answered(
    random: np.random.Generator, count: int, errors: float = 0.01, slow: float = 0.02, shift: float = 0.0
) -> pd.DataFrame:
    """Requests to one version, with these exact shares of errors and of slow answers; in no order.

    Probabilities have a mean near .23 + `shift`; they are missing where there was an error.
    """
    failed, late = round(count * errors), round((count - round(count * errors)) * slow)
    status = np.array([500] * failed + [200] * (count - failed))
    ms = np.where(np.arange(count) < failed + late, random.uniform(SLOW + 20, 900, count), random.uniform(2, 60, count))
    even = (np.arange(count) + 0.5) / count  # spread evenly, so that chance does not make worlds that cannot be judged
    probability = 0.23 + shift + 0.4 * (random.permutation(even) - 0.5)
    rows = pd.DataFrame({"status": status, "ms": ms, "probability": np.where(status == 200, probability, np.nan)})
    return rows.sample(frac=1, random_state=int(random.integers(1000)), ignore_index=True)


def worlds(seed: int) -> list[World]:
    """Canaries of which it is clear what to do, by any honest interval."""
    random = np.random.default_rng(seed)
    many, few = int(random.integers(6000, 8000)), int(random.integers(18, 26))
    usual, busy, weak = (answered(random, count, errors) for count, errors in BEFORE)
    found = []

    def world(about: str, right: str, count: int, mistake: str, before: pd.DataFrame = usual, **new: float) -> None:
        found.append(World(about, before, answered(random, count, **new), right, mistake))

    world("the same as the champion, in thousands of requests", "promote", many, ALONE)
    world("fewer errors than the champion", "promote", many, BETTER, errors=0.002)
    world("as many errors as the champion, 6% both", "promote", many, BOTH, before=weak, errors=0.06)
    world("a little more errors, in 100,000 requests", "promote", 100_000, LITTLE, before=busy, errors=0.012)
    world(f"no error in {few} requests", "wait", few, NONE, errors=0.0, slow=0.0)
    world("1 error in 12 requests, 6% before", "wait", 12, ONE, before=weak, errors=1 / 12, slow=0.0)
    world("the same as the champion, in 300 requests", "wait", 300, FEW)
    world("6% errors instead of 1%", "roll back", many // 4, ALONE, errors=0.06)
    world("12% slow answers instead of 2%", "roll back", many // 4, LATE, slow=0.12)
    world("a mean probability that is .08 higher", "roll back", many // 4, MEAN, shift=0.08)
    world("a mean probability that is .08 lower", "roll back", many // 4, LOWER, shift=-0.08)
    world("an error each time", "roll back", 150, EMPTY, errors=1.0)
    world("4 times as many errors, but faster", "roll back", many // 3, TRADED, errors=0.04, slow=0.0)
    return found
