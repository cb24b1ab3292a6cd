"""A table of features among which some know the future, and answers of a model that may be worse for one carrier."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from roadworthy.project import Project

from . import specimens
from .specimens import Floats

HONEST = ("hour", "distance", "temp", "wind_speed", "precip", "visib", "seats", "plane_age", "origin_delay", "carrier")
SMALL = (4, 7, 20)  # flights of the smallest carriers
TOLERANCE = 0.03  # of the share of late flights


@dataclass(frozen=True)
class Features:
    """A colleague's features: values, when each became known, when each flight was asked for, and whether it was late.

    guilty: by name why a feature cannot be used; honest: by name what the others are.
    """

    table: pd.DataFrame
    known: pd.DataFrame
    asked: pd.Series
    late: pd.Series
    guilty: dict[str, str]
    honest: dict[str, str]


@dataclass(frozen=True)
class Slices:
    """Answers of a model (carrier, p, late); `bad` is the carrier for which it is worse, or '' when it is sound."""

    answers: pd.DataFrame
    bad: str
    story: str


@cache
def features(project: Project, seed: int, count: int = 2500) -> Features:
    """Ten honest features and four that know the future, under names that say nothing."""
    random = np.random.default_rng([seed, 7])
    source = specimens.table(project, seed).sample(count, random_state=seed).sort_index()
    early = pd.DataFrame({name: random.integers(1, 90, count) for name in (*HONEST, *_SOURCES)}, index=source.index)
    early["temp"] = 0  # known in the very minute of the question
    early["all"] = -20
    early["some"] = np.where(random.random(count) < 0.03, -35, early["some"])
    values = source[list(HONEST)].assign(**{name: source[column] for name, column in _SOURCES.items()})
    noise = random.normal(0, 4, count)
    values["good"] = source["dep_delay"] + noise
    values["negated"] = (500 - source["arr_delay"] + noise).mask(random.random(count) < 0.4)
    known = pd.DataFrame(
        {
            name: (source["as_of"] - pd.to_timedelta(early[name], unit="min")).mask(values[name].isna())
            for name in values
        }
    )
    order = [values.columns[at] for at in random.permutation(values.shape[1])]
    names = {name: f"x{number:02}" for number, name in enumerate(order, start=1)}
    values, known = (each[order].rename(columns=names) for each in (values, known))
    guilty = {names[name]: name for name in _SOURCES}
    honest = {names[name]: name for name in HONEST}
    return Features(values, known, source["as_of"].rename("asked"), source["late"].astype(int), guilty, honest)


@cache
def slices(project: Project, seed: int, fault: str = "", draw: int = 0) -> Slices:
    """Answers for the flights of nine days, sound or with one of the faults of STORIES; `draw`: other chance."""
    random = np.random.default_rng([seed, 11, draw])
    source = specimens.table(project, seed)
    # Three times the flights of the days, so that a difference can be certain and yet too small to matter.
    source = source.sample(3 * len(source), replace=True, random_state=seed + draw)
    source = _small_carriers(source, random)
    p = np.asarray(specimens.sound(seed)["additive"].model()(source), dtype=float)
    carriers = source["carrier"].to_numpy()
    sizes = source["carrier"].value_counts()
    medium = sizes[(sizes > 250) & (sizes < 700)].index
    small = sizes[sizes == max(SMALL)].index[0]
    bad = {"": "", "large": sizes.index[1], "hidden": sizes.index[3], "fewer": medium[0], "small": small}[fault]
    off = {name: _chance_of(p[carriers == name], random) for name in sizes.index}
    off[sizes.index[2]] = 0.022  # certain, and too small to matter
    off.update({} if not bad else {bad: {"small": 0.75, "fewer": -0.11}.get(fault, 0.08)})
    late = np.zeros(len(p))
    for name in sizes.index:
        at = carriers == name
        late[at] = _late(p[at], off[name], random, none=sizes[name] == min(SMALL))
    if fault == "hidden":
        late = _evened(late, p, carriers == bad, random)
    answers = pd.DataFrame({"carrier": carriers, "p": p.round(4), "late": late.astype(int)})
    return Slices(answers.sample(frac=1, random_state=seed, ignore_index=True), str(bad), STORIES[fault])


STORIES = {
    "": "the late rate of each carrier differs from the mean of p by chance, or by less than the tolerance",
    "large": "one carrier with many flights is late far more often than it says",
    "hidden": "one carrier is late far more often than it says, the others less, and the mean over all is right",
    "fewer": "one carrier is late far less often than it says",
    "small": "nearly all flights of a carrier are late: 20 flights are enough to be certain of that",
}
_SOURCES = {"all": "pressure", "some": "humid", "good": "dep_delay", "negated": "arr_delay"}


def _small_carriers(source: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """The three smallest carriers with as many flights as SMALL says."""
    smallest = source["carrier"].value_counts().index[: -len(SMALL) - 1 : -1]
    rest = source[~source["carrier"].isin(smallest)]
    few = rest.iloc[random.choice(len(rest), sum(SMALL), replace=False)]
    return pd.concat([rest, few.assign(carrier=np.repeat(smallest.to_numpy(), SMALL))])


def _chance_of(p: Floats, random: np.random.Generator) -> float:
    """A difference that chance gives: at most one standard deviation."""
    return float(random.uniform(-1, 1) * np.sqrt((p * (1 - p)).sum()) / len(p))


def _late(p: Floats, off: float, random: np.random.Generator, *, none: bool) -> Floats:
    """Outcomes whose share exceeds the mean of p by `off`: the likelier ones rather, by Gumbel's draw of k from n."""
    count = 0 if none else int(np.clip(round(p.sum() + off * len(p)), 0, len(p)))
    late = np.zeros(len(p))
    late[np.argsort(-(specimens.odds(p) + random.gumbel(size=len(p))))[:count]] = 1
    return late


def _evened(late: Floats, p: Floats, bad: NDArray[np.bool_], random: np.random.Generator) -> Floats:
    """As many late flights fewer in the other carriers as there are too many in the bad one."""
    many = round((late - p).sum())
    candidates = np.flatnonzero((late == 1) & ~bad)
    changed = late.copy()
    changed[random.choice(candidates, max(many, 0), replace=False)] = 0
    return changed
