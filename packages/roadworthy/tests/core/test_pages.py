"""Pages show what they are given, escaped, without network, and stay whole when the disk is not."""

import base64
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from roadworthy.base.errors import InputError
from roadworthy.reports.pages import Detail, Frame, Link, Section, describe_figure, page_text, write_page

VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Reads a page as a browser does: the tags that are open, the text, the attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def every(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of that name."""
        return [attributes for name, attributes in self.tags if name == tag]


def picture(title: str = "AUC by month", points: int = 3) -> Figure:
    """A small figure."""
    figure = Figure(figsize=(4, 2))
    axes = figure.subplots()
    axes.plot(range(points), [index * 7919 % 101 for index in range(points)], "o")
    axes.set(title=title, xlabel="month", ylabel="AUC")
    return figure


# Surrogates and control characters have no place in HTML.
plain = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10)
hostile = st.sampled_from(["<script>", "</td>", "<b>", "&lt;", "<!--", "]]>", '"', "'>", "<img src=x onerror=x>"])
texts = st.lists(st.one_of(plain, hostile), max_size=4).map("".join)


@given(st.tuples(texts, texts, texts, texts, texts, texts))
def test_any_text_is_shown_as_it_is_and_nothing_of_it_becomes_a_tag(drawn: tuple[str, ...]) -> None:
    title, heading, text, cell, column, code = drawn
    section = Section(heading, text, table=pd.DataFrame({column: [cell]}), code=code)
    read = Reader(page_text(title, [section], lead=text))
    assert read.open == []
    assert {tag for tag, _ in read.tags} <= {
        *("html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "main", "section", "div"),
        *("table", "thead", "tbody", "tr", "th", "td", "pre", "span"),
    }
    for shown in (title, heading, cell, column, code):
        assert shown in read.text


def test_a_page_loads_nothing_and_says_so_to_the_browser() -> None:
    section = Section("Figures", figures=(picture(),), table=pd.DataFrame({"report": [Link("open", "a.html")]}))
    read = Reader(page_text("Page", [section]))
    assert not read.every("script")
    assert not read.every("link")
    assert all(str(image["src"]).startswith("data:image/") for image in read.every("img"))
    policy = next(meta["content"] for meta in read.every("meta") if "http-equiv" in meta)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert "url(" not in page_text("Page", [section])


def test_a_status_is_a_word_beside_its_colour() -> None:
    table = pd.DataFrame({"gate": ["slices", "good"], "status": ["bad", "good"]})
    read = Reader(page_text("Gates", [Section("All", table=table, status="bad")], status="good"))
    badges = [span["class"] for span in read.every("span")]
    assert badges == ["badge good", "badge bad", "badge bad", "badge good"]
    assert read.text.count("bad") == 2


def test_numbers_are_short_and_to_the_right_and_missing_values_a_dash() -> None:
    table = pd.DataFrame({"auc": [0.7123456, None], "rows": [336776, 1], "name": ["a", "b"]})
    read = Reader(page_text("Numbers", [Section("Table", table=table)]))
    assert "0.7123" in read.text
    assert "0.71234" not in read.text
    assert "\N{EN DASH}" in read.text
    assert "336776" in read.text
    assert [cell.get("class") for cell in read.every("td")] == ["number", "number", None] * 2


def test_a_named_index_is_a_column_and_a_counting_one_is_not() -> None:
    named = pd.DataFrame({"rows": [1]}, index=pd.Index(["flights"], name="table"))
    assert len(Reader(page_text("", [Section("", table=named)])).every("th")) == 2
    assert len(Reader(page_text("", [Section("", table=named.reset_index(drop=True))])).every("th")) == 1


def test_a_figure_says_in_words_what_it_shows() -> None:
    figure = picture('Late & "early"')
    assert describe_figure(figure) == 'Late & "early". AUC against month'
    assert Reader(page_text("", [Section("", figures=(figure,))])).every("img")[0]["alt"] == describe_figure(figure)
    figure.set_label("The share of late flights rises")
    assert describe_figure(figure) == "The share of late flights rises"


def test_the_same_figure_gives_the_same_page_and_many_points_become_an_image() -> None:
    assert page_text("", [Section("", figures=(picture(),))]) == page_text("", [Section("", figures=(picture(),))])
    small, large = (
        Reader(page_text("", [Section("", figures=(picture(points=n),))])).every("img")[0] for n in (3, 9000)
    )
    kind, data = str(small["src"]).split(";base64,")
    assert kind == "data:image/svg+xml"
    assert ET.fromstring(base64.b64decode(data)).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own
    assert str(large["src"]).startswith("data:image/png;base64,")
    assert len(str(large["src"])) < 300_000


def test_a_long_page_has_contents_that_lead_to_its_sections() -> None:
    html = page_text("Long", [Section(f"Part {number}") for number in range(4)])
    targets = re.findall(r'href="#([^"]+)"', html)
    assert targets == [heading["id"] for heading in Reader(html).every("h2")]
    assert "<nav" not in page_text("Short", [Section("One")])


def test_a_page_that_cannot_be_written_leaves_the_old_one_and_says_where(tmp_path: Path) -> None:
    old = write_page(tmp_path / "index.html", "Old", [])
    before = old.read_bytes()
    below_a_file = old / "new.html"
    with pytest.raises(InputError, match="cannot be written") as error:
        write_page(below_a_file, "New", [])
    assert str(below_a_file) in str(error.value)
    assert old.read_bytes() == before
    assert list(tmp_path.iterdir()) == [old]


def test_a_detail_opens_when_it_is_asked_for_or_told_to() -> None:
    table = pd.DataFrame({"monitor": ["drift"], "status": ["bad"]})
    details = (Detail("<temp>", "why", table, status="bad", opened=True), Detail("hour"))
    text = page_text("p", [Section("What changed", details=details)])
    assert text.count("<details") == text.count("</details>") == 2
    first, second = text.split("<details")[1:]
    assert first.startswith(" open>")
    assert "&lt;temp&gt;" in first
    assert first.index("</summary>") < first.index("why") < first.index("<table>")
    assert second.startswith(">")


def test_a_page_in_a_notebook_is_named_by_its_place_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame = Frame(tmp_path.parent / "reports" / "index.html")
    assert repr(frame) == "the page ../reports/index.html"
    assert 'src="../reports/index.html"' in frame._repr_html_()
