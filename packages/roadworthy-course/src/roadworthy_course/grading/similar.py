"""Answers that are alike after names, comments and layout are taken away: a reason to talk, not a proof of anything.

What more than half of a cohort writes is left out, as the similarity search MOSS does: a short right answer looks the
same whoever writes it. The rest is compared by runs of tokens (shingles), with the Jaccard index.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations

from .submissions import parsed

TOKEN = re.compile(r"\w+|[^\w\s]")
RUN = 4  # tokens of a shingle
FEWEST = 12  # shingles that two submissions need to be compared: less is alike by chance
SHORT = 6  # shingles that an answer needs to be named as alike
FLOOR = 0.8  # of the Jaccard index, from which a pair is shown
SMALL = 6  # submissions, below which nothing is called common
Shingles = Counter[tuple[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Pair:
    """Two learners: how alike their answers are (0 to 1), in which questions, and in which of these both are wrong."""

    first: str
    second: str
    alike: float
    questions: tuple[str, ...]
    wrong: tuple[str, ...]


def pairs(
    answers: Mapping[str, Mapping[str, str]], wrong: Mapping[str, set[str]], *, floor: float = FLOOR
) -> list[Pair]:
    """Pairs of learners whose `answers` (by question) are alike; those who share wrong ones first.

    `wrong`: for each learner the questions that are not right.
    """
    every = {learner: shingles(of) for learner, of in answers.items()}
    common = _common(list(every.values()))
    rare = {learner: _without(of, common) for learner, of in every.items()}
    found = [
        Pair(first, second, alike, *_where(first, second, rare, wrong, floor))
        for first, second in combinations(sorted(rare), 2)
        if (alike := likeness(rare[first], rare[second])) >= floor
    ]
    return sorted(found, key=lambda pair: (-len(pair.wrong), -pair.alike, pair.first, pair.second))


def shingles(answers: Mapping[str, str]) -> Shingles:
    """How often each run of tokens stands in the answers, each with its question."""
    found: Shingles = Counter()
    for question, source in answers.items():
        words = tokens(source)
        found.update((question, tuple(words[at : at + RUN])) for at in range(max(len(words) - RUN + 1, 0)))
    return found


def tokens(source: str) -> list[str]:
    """The tokens of a cell without comments, docstrings and layout, its names numbered; those of its texts, too."""
    tree = parsed(source)
    if tree is not None:
        texts = [text for node in tree.body for text in _anonymous(node, {})]
        with suppress(RecursionError):  # a sum of a thousand terms
            return TOKEN.findall(ast.unparse(tree)) + [token for text in texts for token in TOKEN.findall(text.lower())]
    return TOKEN.findall(re.sub(r"#.*", "", source).lower())


def likeness(first: Shingles, second: Shingles) -> float:
    """The Jaccard index of two multisets; 0 when one is too small to say anything."""
    if min(first.total(), second.total()) < FEWEST:
        return 0.0
    return (first & second).total() / (first | second).total()


def _anonymous(top: ast.AST, numbers: dict[str, str]) -> Iterator[str]:
    """Number the names of a statement in place, blank its texts and yield them, in the order in which they stand."""
    for node in ast.walk(top):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and ast.get_docstring(node, False):
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    for node in ast.walk(top):
        if isinstance(node, ast.Name):
            node.id = numbers.setdefault(node.id, f"v{len(numbers)}")
        elif isinstance(node, ast.arg):
            node.arg = numbers.setdefault(node.arg, f"v{len(numbers)}")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.name = numbers.setdefault(node.name, f"v{len(numbers)}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
            node.value = ""


def _common(every: Sequence[Shingles]) -> set[tuple[str, tuple[str, ...]]]:
    if len(every) < SMALL:
        return set()
    count = Counter(shingle for of in every for shingle in of)
    return {shingle for shingle, learners in count.items() if learners > len(every) / 2}


def _without(of: Shingles, common: set[tuple[str, tuple[str, ...]]]) -> Shingles:
    return Counter({shingle: count for shingle, count in of.items() if shingle not in common})


def _where(
    first: str, second: str, rare: Mapping[str, Shingles], wrong: Mapping[str, set[str]], floor: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The questions in which two are alike, and those of them in which both are wrong."""
    one, two = rare[first], rare[second]
    alike = []
    for question in sorted({question for question, _ in one}):
        mine, theirs = (Counter({key: n for key, n in of.items() if key[0] == question}) for of in (one, two))
        if (mine & theirs).total() >= max(floor * (mine | theirs).total(), SHORT):
            alike.append(question)
    both = wrong.get(first, set()) & wrong.get(second, set())
    return tuple(alike), tuple(question for question in alike if question in both)
