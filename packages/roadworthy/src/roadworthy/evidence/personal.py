"""What tells of persons: texts that look like an address, a number of theirs; and the values of private columns.

The patterns are narrow: a registration, a version or a coordinate is none of these. Numbers alone are a telephone only
with the marks of one, and a card only with its check digit (Luhn, ISO/IEC 7812-1).
"""

import ipaddress
import re
from collections.abc import Iterable

# Only at the start of a run, without going back: the picture in a report is one run of half a million characters, and
# a search that begins again at each of them takes a minute.
E_MAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]++@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b")
TELEPHONE = re.compile(
    r"(?<![\w.+-])(?:\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]\d{2,4}){2,4}|\+[1-9]\d{9,13}"
    r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})(?![\w.-])"
)
CARD = re.compile(r"(?<![\w.+-])(?:4\d{3}|5[1-5]\d{2}|6011|65\d{2}|3[47]\d{2})(?:[ -]?\d{4}){2}[ -]?\d{3,4}(?![\w.-])")
# US social security: no area 000, 666 or from 900 on, no group 00, no number 0000.
SOCIAL = re.compile(r"(?<![\w.+-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w.-])")
ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
TOKEN = re.compile(r"[0-9A-Za-z_]+")
SHORTEST = 5  # characters of a private value that is looked for; a shorter one stands anywhere by chance


def kinds(text: str) -> dict[str, str]:
    """What in a text tells of a person: an example of each kind that is there."""
    found = {
        "e-mail": E_MAIL.search(text) if "@" in text else None,
        "telephone": TELEPHONE.search(text),
        "social security number": SOCIAL.search(text),
    }
    named = {kind: match.group() for kind, match in found.items() if match}
    card = next((match.group() for match in CARD.finditer(text) if _luhn(match.group())), "")
    address = next((match.group() for match in ADDRESS.finditer(text) if _public(match.group())), "")
    return named | ({"card": card} if card else {}) | ({"network address": address} if address else {})


def searchable(values: Iterable[object]) -> frozenset[str]:
    """The private values that can be looked for: one token, not too short, with a digit, so that it is no word."""
    return frozenset(
        text
        for text in map(str, values)
        if len(text) >= SHORTEST and TOKEN.fullmatch(text) and any(map(str.isdigit, text)) and not text.isdigit()
    )


def private_in(text: str, values: frozenset[str]) -> set[str]:
    """Which of the private values stand in a text as a token of their own."""
    return set(TOKEN.findall(text)) & values


def masked(value: str) -> str:
    """A value that may be shown: its first two characters."""
    return f"{value[:2]}{'*' * (len(value) - 2)}"


def _luhn(text: str) -> bool:
    digits = [int(digit) for digit in text if digit.isdigit()][::-1]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _public(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False
