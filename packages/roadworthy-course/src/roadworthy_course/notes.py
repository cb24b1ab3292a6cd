"""What a note to the team says: its lines, its numbers, and whether it claims a difference."""

import re
from collections.abc import Iterable

WORDS = ("Decision", "Figure", "Change", "Risk", "Way back")
NUMBER = re.compile(r"(?<![\w.])(?<!\d:)[-+]?\d+(?:\.\d+)?(?!\w|:\d|\.\d)")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
BETTER = r"better|improv\w*|outperform\w*|beats?|wins?|superior|gains?|sharper|more accurate"
WORSE = r"worse|degrad\w*|inferior|loses?|less accurate|deteriorat\w*"
NEGATIVE = r"\b(?:not?|neither|nor|never|without|cannot|nothing|none|isn't|hardly)\b"
TURN = r"\b(?:but|though|although|however|yet)\b"  # after it the denial is over
DENIAL = re.compile(rf"{NEGATIVE}(?:(?!{TURN})[^.;:!?])*$", re.IGNORECASE)


def numbers(text: str) -> list[float]:
    """The numbers of a text, with their signs (also the true minus); dates and words with digits are none."""
    return [float(each) for each in NUMBER.findall(_plain(text))]


def decimals(text: str) -> list[str]:
    """The numbers with a decimal point, as they are written, without a plus."""
    return [each.lstrip("+") for each in NUMBER.findall(_plain(text)) if "." in each]


def says(text: str, number: int) -> bool:
    """Whether a whole number stands in the text."""
    return float(number) in numbers(text)


def lines(text: str) -> dict[str, str]:
    """What stands after each of the words, whatever marks are around it: **Decision:**, - Decision: ."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        bare = line.strip().lstrip("-*#> ").strip()
        for word in WORDS:
            if match := re.match(rf"{word}\W*?:\W*?(?= |$|[*`+\w])(.*)", bare, re.IGNORECASE):
                found.setdefault(word, match[1].strip("* ").strip())
    return found


def claims(text: str, words: str) -> bool:
    """Whether one of the words (a pattern) is said, and not denied before it in the same sentence."""
    found = re.finditer(rf"\b({words})\b", text, re.IGNORECASE)
    return any(not DENIAL.search(text[: match.start()]) for match in found)


def missing(text: str, figures: Iterable[float]) -> list[str]:
    """Which of the figures, rounded to 4 decimals, do not stand in the text."""
    written = set(decimals(text))
    return [f"{each:.4f}" for each in figures if f"{each:.4f}" not in written]


def _plain(text: str) -> str:
    return DATE.sub("", text.replace("\N{MINUS SIGN}", "-"))
