"""Derives names from the project's name and refuses answers that would break it (a Jinja extension).

The checks run as soon as the questions are answered, before a file is written, whether hooks are allowed or not. They
are no pre_gen hook because cookiecutter prints a traceback when a hook refuses.
"""

import json
import keyword
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from click import ClickException
from jinja2 import Environment
from jinja2.ext import Extension
from slugify import slugify

LONGEST = 60
GERMAN = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ä", "Ae"), ("Ö", "Oe"), ("Ü", "Ue"), ("ß", "ss"))
REQUIREMENTS = Path(__file__).parent / "{{ cookiecutter.project_slug }}" / "requirements.txt"

# Modules that the locked packages install under a name that is not the package's own.
MODULES = """
    PIL _pytest adbc_driver_duckdb argon2 attr bs4 databricks dateutil dotenv git google graphql ipykernel_launcher
    jupyter markdown_it mpl_toolkits mypyc opentelemetry py pylab pythonjsonlogger rapidjson rpds sklearn
    tlz tritonclientutils tritongrpcclient tritonhttpclient tritonshmutils websocket xdist yaml zmq zope
""".split()

# Folders of the project, commands of its environment, and names that Windows keeps for devices.
RESERVED = """
    build data deploy dist docs exercises notebooks registry runs scripts src test tests venv
    activate cookiecutter deactivate make mle node pip python python3 roadworthy roadworthy_course
    aux con nul prn com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9
""".split()


class Answers(Extension):
    """The filters `slug` (a name for folders and commands), `check_answers` and `quote` (for TOML, YAML, Python)."""

    def __init__(self, environment: Environment) -> None:
        """Register the filters."""
        super().__init__(environment)
        environment.filters.update(slug=slug, check_answers=check_answers, quote=quote)


def slug(text: str) -> str:
    """`text` in lower-case ASCII words joined by hyphens, at most 40 characters; '' when it has no letter or digit."""
    composed = unicodedata.normalize("NFC", text)
    return slugify(composed, max_length=40, word_boundary=True, replacements=GERMAN)


def quote(text: str) -> str:
    """`text` as a double-quoted string that TOML, YAML and Python read alike; `jsonify` breaks TOML on an emoji."""
    return json.dumps(text, ensure_ascii=False)


def check_answers(answers: Mapping[str, str]) -> str:
    """'yes', or a `ClickException` with every reason why `answers` cannot be used, a sentence each."""
    if found := list(reasons(answers)):
        raise ClickException("\n".join(found))
    return "yes"


def reasons(answers: Mapping[str, str]) -> Iterator[str]:
    """Sentences that say what is wrong with which answer and what to type instead."""
    for question in ("project_name", "author"):
        if why := free_text_fault(answers[question]):
            yield f"{question} {why}."
    yield from course_faults(answers)
    for question, fault, separator in (("project_slug", slug_fault, "-"), ("package_name", package_fault, "_")):
        answer = answers[question]
        if why := fault(answer):
            yield f"{question} {answer!r} {why}; type for example {proposal(answer, separator)}"


def course_faults(answers: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the answers about the course, which follow from each other."""
    course, solutions = answers.get("course", "yes"), answers.get("solutions")
    # Asked as a text: a choice could not follow the answer before it and be given on the command line as well.
    if course not in {"yes", "no"}:
        yield f"course {course!r} is neither yes nor no; type course=yes or course=no."
    elif answers.get("data") == "own" and "yes" in {course, solutions}:
        yield "the course and its solutions are about the flights; type course=no and solutions=no, or data=flights."
    elif solutions == "yes" and course == "no":
        yield "solutions are those of the course's exercises; type course=yes or solutions=no."


def free_text_fault(text: str) -> str:
    """What is wrong with a text for people, or ''."""
    if not text.strip():
        return "is empty; type at least one word"
    if len(text) > 2 * LONGEST:
        return f"has {len(text)} characters; type at most {2 * LONGEST}"
    if not text.isprintable() or "{{" in text or "{%" in text:
        return "holds a control character, a line break, '{{' or '{%'; type it without"
    return ""


def slug_fault(name: str) -> str:
    """What is wrong with a name for the folder and the distribution, or ''."""
    if fault := shape_fault(name):
        return fault
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name):
        return "may hold only lower-case letters a-z, digits and single hyphens between them"
    return taken_fault(name)


def package_fault(name: str) -> str:
    """What is wrong with a name for the Python package, or ''."""
    if fault := shape_fault(name):
        return fault
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        return "is no Python package name: only lower-case letters a-z, digits and single underscores between them"
    return taken_fault(name)


def shape_fault(name: str) -> str:
    """What is wrong with the length or the first character of a name, or ''."""
    if not name:
        return "is empty: the project name has no letter or digit to make it from"
    if len(name) > LONGEST:
        return f"has {len(name)} characters and at most {LONGEST} are allowed"
    return "starts with a digit, which no Python package may" if name[0].isdigit() else ""


def taken_fault(name: str) -> str:
    """What else has the name, or ''; hyphens and underscores count as the same."""
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        return "is a keyword of Python"
    if module in sys.stdlib_module_names:
        return "is a module of Python's standard library, which it would hide"
    if module in dependencies() or module in MODULES:
        return "is the name of a package that the project installs"
    return "is a name that the project or its environment uses already" if module in RESERVED else ""


def dependencies() -> set[str]:
    """Names of the packages that the project installs, as modules are written."""
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[-.]", "_", name).lower() for name in pinned}


def proposal(name: str, separator: str) -> str:
    """A name near `name` that is allowed."""
    words = slug(name).strip("-0123456789") or "project"
    near = words.replace("-", separator)
    return near if not (shape_fault(near) or taken_fault(near)) else f"my{separator}{near}"
