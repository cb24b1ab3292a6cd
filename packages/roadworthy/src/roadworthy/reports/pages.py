"""Pages for people: one HTML file that needs no network and no script, for a screen, a phone or paper.

Every text is escaped. A status is told by a word and by a colour, a figure has a description in words.
"""

import base64
import io
import math
import numbers
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files as resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..base.files import write_atomic

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Status = Literal["", "good", "waived", "bad"]
LARGEST_SVG = 400_000  # bytes; a figure of many points is smaller and faster to show as PNG
CONTENTS_FROM = 4  # sections; a shorter page needs no table of contents
MISSING = {"NoneType", "NAType", "NaTType"}  # by name: this module does not import pandas
# A text that was not escaped by mistake could run no script and load nothing.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True)
class Link:
    """A cell of a table that leads to another page; `href` is relative to the page."""

    text: str
    href: str


@dataclass(frozen=True)
class Detail:
    """A part of a section that opens when it is asked for, and on paper: summary, paragraphs, table, figures."""

    summary: str
    text: str = ""
    table: "pd.DataFrame | None" = None
    figures: "tuple[Figure, ...]" = ()
    status: Status = ""
    opened: bool = False


@dataclass(frozen=True)
class Section:
    """One part of a page, in this order: heading and status, paragraphs, table, code, figures, details.

    Blank lines in `text` part its paragraphs; `code` is shown as it is. Cells of `table` that hold a `Link` lead
    elsewhere, and the words "good", "waived" and "bad" in a column named "status" are coloured.
    """

    heading: str
    text: str = ""
    table: "pd.DataFrame | None" = None
    figures: "tuple[Figure, ...]" = ()
    status: Status = ""
    code: str = ""
    details: tuple[Detail, ...] = ()


def write_page(path: Path, title: str, sections: Sequence[Section], *, lead: str = "", status: Status = "") -> Path:
    """Write the page to `path` and return that; the old page stays until the new one is complete.

    Raises InputError when the place cannot be written.
    """
    return write_atomic(path, page_text(title, sections, lead=lead, status=status))


class Frame:
    """A page inside a notebook: JupyterLab shows the file, which stays where it is.

    >>> Frame(Path("reports/index.html"))
    the page reports/index.html
    """

    def __init__(self, path: Path, height: int = 600) -> None:
        self.href = Path(os.path.relpath(path)).as_posix()
        self.height = height

    def __repr__(self) -> str:
        return f"the page {self.href}"

    def _repr_html_(self) -> str:
        style = f"width: 100%; height: {self.height}px; border: 1px solid #ccc"
        return f'<iframe src="{escape(self.href)}" title="{escape(repr(self))}" style="{style}"></iframe>'


def page_text(title: str, sections: Sequence[Section], *, lead: str = "", status: Status = "") -> str:
    """The same page as text."""
    style = (resources(__package__) / "pages.css").read_text(encoding="utf-8")
    body = "\n".join(_section(number, section) for number, section in enumerate(sections, 1))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
{_paragraphs(lead, "lead")}{_badge(status)}
</header>
{_contents(sections)}<main>
{body}
</main>
</body>
</html>
"""


def describe_figure(figure: "Figure") -> str:
    """A figure in words: its label when the author gave one, else the titles and the names of the axes."""
    if label := str(figure.get_label() or ""):
        return label
    words = [figure.get_suptitle()]
    for axes in figure.axes:
        title, x, y = axes.get_title(), axes.get_xlabel(), axes.get_ylabel()
        words += [title, f"{y} against {x}" if x and y else x or y]
    return ". ".join(word.strip().replace("\n", " ") for word in words if word) or "Figure"


def _section(number: int, section: Section) -> str:
    name = f"section-{number}"
    parts = [
        f'<section class="{section.status}" aria-labelledby="{name}">',
        f'<h2 id="{name}">{escape(section.heading)} {_badge(section.status)}</h2>',
        _paragraphs(section.text),
        "" if section.table is None else _table(section.table, section.heading),
        f'<pre tabindex="0">{escape(section.code)}</pre>' if section.code else "",
        *(_figure(figure) for figure in section.figures),
        *(_detail(detail) for detail in section.details),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _detail(detail: Detail) -> str:
    parts = [
        f"<details{' open' if detail.opened else ''}>",
        f"<summary>{escape(detail.summary)} {_badge(detail.status)}</summary>",
        _paragraphs(detail.text),
        "" if detail.table is None else _table(detail.table, detail.summary),
        *(_figure(figure) for figure in detail.figures),
        "</details>",
    ]
    return "\n".join(part for part in parts if part)


def _paragraphs(text: str, name: str = "") -> str:
    start = f'<p class="{name}">' if name else "<p>"
    return "".join(f"{start}{escape(part)}</p>\n" for part in re.split(r"\n\s*\n", text.strip()) if part)


def _badge(status: str) -> str:
    return f'<span class="badge {status}">{status}</span>' if status else ""


def _contents(sections: Sequence[Section]) -> str:
    if len(sections) < CONTENTS_FROM:
        return ""
    items = (f'<li><a href="#section-{n}">{escape(s.heading)}</a></li>' for n, s in enumerate(sections, 1))
    return f'<nav aria-label="Contents"><ul>{"".join(items)}</ul></nav>\n'


def _table(table: "pd.DataFrame", caption: str) -> str:
    if table.index.name is not None or table.index.dtype == object or str(table.index.dtype) == "str":
        table = table.reset_index(names=table.index.name or "")
    columns = [str(name) for name in table.columns]
    rows = [list(row) for row in table.itertuples(index=False, name=None)]
    numeric = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(columns))]
    marks = [' class="number"' if each else "" for each in numeric]  # shown at the right
    head = "".join(f'<th scope="col"{mark}>{escape(name)}</th>' for name, mark in zip(columns, marks, strict=True))
    body = "\n".join(f"<tr>{''.join(map(_cell, columns, row, marks))}</tr>" for row in rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}, table">\n'
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _cell(column: str, value: Any, mark: str) -> str:
    if isinstance(value, Link):
        return f'<td><a href="{escape(value.href)}">{escape(value.text)}</a></td>'
    text = _text(value)
    if column == "status" and text in {"good", "waived", "bad"}:
        return f"<td>{_badge(text)}</td>"
    return f"<td{mark}>{escape(text)}</td>"


def _is_number(value: Any) -> bool:
    return _is_missing(value) or (isinstance(value, numbers.Real) and not isinstance(value, bool))


def _is_missing(value: Any) -> bool:
    return type(value).__name__ in MISSING or (isinstance(value, float) and math.isnan(value))


def _text(value: Any) -> str:
    if _is_missing(value):
        return "\N{EN DASH}"
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        return f"{float(value):.4g}"
    return str(value)


def _figure(figure: "Figure") -> str:
    kind, image = _image(figure)
    data = base64.b64encode(image).decode()
    return f'<figure><img alt="{escape(describe_figure(figure))}" src="data:{kind};base64,{data}"></figure>'


def _image(figure: "Figure") -> tuple[str, bytes]:
    import matplotlib as mpl

    svg, png = io.BytesIO(), io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "pages"}):  # the same figure gives the same bytes
        figure.savefig(svg, format="svg", bbox_inches="tight", metadata={"Date": None})
    if len(svg.getvalue()) <= LARGEST_SVG:
        return "image/svg+xml", svg.getvalue()
    figure.savefig(png, format="png", bbox_inches="tight", dpi=150)
    return "image/png", png.getvalue()
