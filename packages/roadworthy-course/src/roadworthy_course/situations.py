"""Problems of prediction as facts, drawn with a seed, with the deployment that fits each and the mistake it invites."""

from dataclasses import dataclass
from typing import Any

import numpy as np

DAY = 86_400.0
BATCH, STREAM, ONLINE, PROCESS = "batch", "stream", "online", "in process"
Facts = dict[str, Any]
Range = tuple[float, float]


@dataclass(frozen=True)
class Story:
    """A problem: what fits it, whether its questions are known the evening before, whether there is a network.

    `fresh` and `within` are ranges in seconds from which the facts are drawn; `mistake` is what one may overlook.
    """

    about: str
    right: str
    known: bool
    waits: bool
    connected: bool
    fresh: Range
    within: Range
    mistake: str


LONG, HOURS, SECONDS = (DAY, 7 * DAY), (2000.0, 20_000.0), (5.0, 300.0)
NOW: Range = (0.0, 0.0)
CLICK = (0.08, 0.5)
STORIES = (
    Story(
        "letters to drivers who may stop charging here",
        BATCH,
        True,
        False,
        True,
        LONG,
        (4 * 3600, DAY),
        "Nobody needs a server that runs all day for a list that is made once",
    ),
    Story(
        "next week's demand at each of the sites, shown on a page",
        BATCH,
        True,
        True,
        True,
        LONG,
        CLICK,
        "Somebody waits, but the questions are known the evening before: answers made at night are looked up",
    ),
    Story(
        "scores of all customers, a billion rows, for the analysts of tomorrow",
        BATCH,
        True,
        False,
        True,
        LONG,
        (DAY / 2, DAY),
        "Many rows are no reason for a stream: it is the age that decides",
    ),
    Story(
        "the list of cars in a handheld of the fleet, in a garage without a network",
        BATCH,
        True,
        True,
        False,
        LONG,
        CLICK,
        "No network is needed for answers that were made at night and copied to where they are asked for",
    ),
    Story(
        "warnings to passengers an hour before departure, with the newest weather",
        STREAM,
        True,
        False,
        True,
        HOURS,
        (60, 600),
        "The flights are known, their weather is not: an answer of last night is too old. And nobody waits for a reply",
    ),
    Story(
        "meter readings that look like a fault, into the list of the technicians",
        STREAM,
        False,
        False,
        True,
        SECONDS,
        (10, 300),
        "Nobody waits for an answer: events come by themselves, and a service would have to be asked",
    ),
    Story(
        "payments to be looked at by hand, a few a day",
        STREAM,
        False,
        False,
        True,
        SECONDS,
        (30, 600),
        "Few rows are no reason for a batch: the answer is needed before the night",
    ),
    Story(
        "how long the car that was just plugged in will stay, on the app",
        ONLINE,
        False,
        True,
        True,
        NOW,
        CLICK,
        "A person waits, and what is asked is not known before: neither a table made at night nor a stream answers",
    ),
    Story(
        "the risk of a delay for a journey that a client puts together",
        ONLINE,
        False,
        True,
        True,
        HOURS,
        CLICK,
        "The possible journeys are too many to be answered before, and a person waits",
    ),
    Story(
        "the price of a charge, asked by the cash desk a thousand times a second",
        ONLINE,
        False,
        True,
        True,
        NOW,
        (0.06, 0.2),
        "Many rows are no reason for a stream: each cash desk waits for its own answer",
    ),
    Story(
        "a block of a payment before it is done, by the bank's computer",
        ONLINE,
        False,
        False,
        True,
        SECONDS,
        (0.1, 2.0),
        "Nobody waits in person, but a stream takes 5 seconds, which is too late",
    ),
    Story(
        "a flight whose connecting gate closes, decided by a program within the second",
        ONLINE,
        True,
        False,
        True,
        (1.0, 4.0),
        (0.2, 3.0),
        "Known the evening before is not enough: the features are seconds old at most",
    ),
    Story(
        "the current of a plug, set forty times a second by the charger itself",
        PROCESS,
        False,
        True,
        True,
        NOW,
        (0.005, 0.03),
        "Network and queue alone take 50 ms: the model must be where the question is",
    ),
    Story(
        "sounds of a wind turbine at sea, judged where no network is",
        PROCESS,
        False,
        False,
        False,
        SECONDS,
        (10, 300),
        "There is plenty of time, but no network: neither a stream nor a service can be reached",
    ),
    Story(
        "the range that a car shows, also in a tunnel",
        PROCESS,
        False,
        True,
        False,
        NOW,
        CLICK,
        "Half a second would do for a service, if it could be reached",
    ),
    Story(
        "the order of what is shown on a page, known flights, 10 ms, prices of this minute",
        PROCESS,
        True,
        True,
        True,
        (1.0, 60.0),
        (0.004, 0.02),
        "Known the evening before, but the prices are not; and 10 ms is less than a request takes",
    ),
)


def drawn(seed: int) -> list[tuple[Story, Facts]]:
    """Every story twice, with facts drawn from its ranges, in the order of the stories."""
    random = np.random.default_rng(seed)
    return [(story, _facts(story, random)) for story in STORIES for _ in range(2)]


def _facts(story: Story, random: np.random.Generator) -> Facts:
    return {
        "known": story.known,
        "waits": story.waits,
        "connected": story.connected,
        "fresh": float(np.round(random.uniform(*story.fresh), 1)),
        "within": float(np.round(random.uniform(*story.within), 3)),
        "rows_a_day": int(10 ** random.uniform(1, 9)),
    }
