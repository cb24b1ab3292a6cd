"""A delivery as people send it becomes a project, and a later one is compared with it; mistakes end in a sentence."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from raw_files import empty_project
from roadworthy.base.errors import InputError
from roadworthy.contract.workspace import Workspace
from roadworthy.data.raw_tables import check_raw_tables
from roadworthy.project.adoption import adopt as adoption
from roadworthy.project.adoption.adopt import adopt_files
from roadworthy.project.adoption.again import compare_delivery
from roadworthy.project.adoption.contract_file import edited_contract
from roadworthy.project.adoption.page import write_adoption
from roadworthy.project.adoption.roles import Asked

ASKED = Asked("Rückgabe", time="Bestelldatum", after=("Erstattung €",))
ROWS = 900


def orders(rows: int = ROWS, seed: int = 3) -> pd.DataFrame:
    """Orders of a shop: numbers and dates as they are written in Germany, what is missing in three spellings."""
    draw = np.random.default_rng(seed)
    day = pd.Timestamp("2023-01-02") + pd.to_timedelta(np.sort(draw.integers(0, 330, rows)), unit="D")
    price, size = draw.gamma(3, 20, rows), draw.choice(["S", "M", "L"], rows)
    back = draw.random(rows) < 0.15 + 0.4 * (price > 70) + 0.15 * (size == "S")
    weight = draw.normal(2, 0.4, rows)
    return pd.DataFrame(
        {
            "Auftrag Nr.": [f"A{n:06d}" for n in draw.permutation(rows)],
            "Bestelldatum": day.strftime("%d.%m.%Y"),
            "Preis €": [f"{value:.2f}".replace(".", ",") for value in price],
            "Größe": size,
            "order": draw.integers(1, 6, rows),
            "Gewicht": [
                "k.A." if n % 31 == 0 else "-999" if n % 37 == 0 else f"{value:.3f}".replace(".", ",")
                for n, value in enumerate(weight)
            ],
            "E-Mail": [f"kunde{n}@example.org" for n in draw.integers(0, 500, rows)],
            "Geschlecht": draw.choice(["w", "m"], rows),
            "Erstattung €": [
                f"{value:.2f}".replace(".", ",") if b else "" for value, b in zip(price, back, strict=True)
            ],
            "Rückgabe": np.where(back, "ja", "nein"),
        }
    )


def deliver(table: pd.DataFrame, file: Path) -> Path:
    table.to_csv(file, index=False, sep=";", encoding="windows-1252")
    return file


def safe(_question: str, _choices: object, answer: str) -> str:
    return answer


def quiet(_text: str) -> None:
    pass


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the orders; tests must not change it."""
    home = empty_project(tmp_path_factory.mktemp("shop") / "shop_of_orders")
    made = adopt_files(home, [deliver(orders(), home.parent / "orders.csv")], ASKED, safe, quiet)
    write_adoption(home, made, [("How many days?", "1", "the safe side")])
    return home


@pytest.fixture(scope="module")
def project(shop: Path) -> Workspace:
    return Workspace.open(shop)


def test_names_numbers_dates_and_what_is_missing_are_read(project: Workspace) -> None:
    rows = pd.read_parquet(project.settings.snapshot().folder / "records.parquet")
    came = orders().sort_values("Bestelldatum", key=lambda days: pd.to_datetime(days, dayfirst=True), kind="stable")
    assert list(rows.columns) == [
        *("auftrag_nr", "bestelldatum", "preis", "groesse", "order_value"),
        *("gewicht", "e_mail", "geschlecht", "erstattung", "rueckgabe"),
    ]
    prices = came["Preis €"].str.replace(",", ".").astype(float)
    assert rows.set_index("auftrag_nr")["preis"].loc[came["Auftrag Nr."]].tolist() == prices.tolist()
    assert rows["gewicht"].isna().sum() == came["Gewicht"].isin(["k.A.", "-999"]).sum()
    assert rows["bestelldatum"].min().isoformat()[:10] == "2023-01-02"


def test_what_must_not_decide_is_no_feature_and_persons_are_groups(project: Workspace) -> None:
    assert set(project.settings.model.features) >= {"preis", "groesse", "order_value", "gewicht"}
    assert not set(project.settings.model.features) & {"e_mail", "geschlecht", "erstattung", "auftrag_nr"}
    assert project.settings.gates.groups == {"geschlecht": "geschlecht"}
    records = project.contract.tables[0]
    assert (records.column("e_mail").private, records.column("erstattung").known) == (True, "after")
    assert "e_mail" not in project.contract.features.names


def test_the_page_and_the_readme_say_what_was_decided_and_show_nobody(shop: Path) -> None:
    page = (shop / "reports" / "adopt" / "index.html").read_text(encoding="utf-8")
    for words in ("Decide first", "How many days?", "Geschlecht", "[model] features", "Preis €"):
        assert words in page
    assert "kunde" not in page
    readme = (shop / "README.md").read_text(encoding="utf-8")
    assert ("## This data" in readme, adoption.MARK in readme) == (True, False)
    examples = (shop / "tests" / "feature_examples" / "records.csv").read_text(encoding="utf-8")
    assert ("kunde" in examples, "private" in examples) == (False, True)


def test_a_later_file_in_the_same_form_is_checked_as_it_was_delivered(project: Workspace, tmp_path: Path) -> None:
    new = deliver(orders(seed=8).drop(columns=["Rückgabe", "Erstattung €"]), tmp_path / "new.csv")
    _, report = check_raw_tables(project, new, "", quiet, new_rows=True)
    assert [finding for finding in report.findings if not finding.passed] == []
    wrong = orders(seed=8).assign(**{"Preis €": "viel"})
    _, report = check_raw_tables(project, deliver(wrong, tmp_path / "wrong.csv"), "", quiet, new_rows=True)
    assert any("preis" in str(row) for row in report.quarantine["records"].to_dict("records"))


def test_the_same_file_again_changes_nothing(project: Workspace, shop: Path) -> None:
    compared = compare_delivery(project, [shop.parent / "orders.csv"])
    assert (compared.changes, compared.edited) == ((), {})


@pytest.mark.parametrize(
    ("change", "column", "word"),
    [
        (lambda t: t.assign(Größe=t["Größe"].replace("L", "XL")), "groesse", "1 new categories: 'XL'"),
        (lambda t: t.assign(order=t["order"] * 1000), "order_value", "allowed is"),
        (lambda t: t.rename(columns={"Gewicht": "Gewicht kg"}), "Gewicht", "may be 'Gewicht kg' now"),
        (lambda t: t.drop(columns="order"), "order", "is missing"),
        (lambda t: t.assign(Farbe="rot"), "Farbe", "is new"),
        (lambda t: t.assign(Gewicht=""), "gewicht", "100.0% are missing"),
        (lambda t: t.assign(order="zwei"), "order_value", "are no integer"),
    ],
)
def test_a_change_of_a_delivery_is_named_and_its_edit_proposed(
    change: Callable[[pd.DataFrame], pd.DataFrame],
    column: str,
    word: str,
    project: Workspace,
    shop: Path,
    tmp_path: Path,
) -> None:
    before = (shop / "src" / shop.name / "contract.py").read_bytes()
    compared = compare_delivery(project, [deliver(change(orders()), tmp_path / "new.csv")])
    named = {each.column: each.what for each in compared.changes}
    assert word in named[column], named
    assert (shop / "src" / shop.name / "contract.py").read_bytes() == before
    patch = (shop / "reports" / "adopt" / "again.patch").read_text(encoding="utf-8")
    proposed = {each.column for each in compared.changes if each.edit}
    assert bool(patch) == bool(proposed)
    if column == "groesse":
        assert '"XL"' in patch


def test_an_edit_of_the_contract_leaves_all_else_as_it_is() -> None:
    text = 'A = Column(\n    name="ä", kind="number",  # mine\n    low=0, high=9)\nB = Column(name="b", high=9)\n'
    edited = edited_contract(text, {"ä": {"high": 20.5, "max_null": 0.1}})
    assert edited == text.replace("low=0, high=9)", "low=0, high=20.5, max_null=0.1)", 1)


def small(**columns: object) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    made = {"a": draw.normal(size=500), "b": draw.normal(size=500), "y": draw.integers(0, 2, 500)}
    return pd.DataFrame(made | columns)


@pytest.mark.parametrize(
    ("table", "asked", "words"),
    [
        (small(), Asked("nosuch"), "there is no column 'nosuch'"),
        (small(), Asked("y", time="nosuch"), "there is no column 'nosuch'"),
        (small(), Asked("y", time="a"), "cannot be read as a date or a time"),
        (small(), Asked("y", key="y"), "is there"),
        (small(), Asked("y", positive="2"), "there is no value '2' of the target"),
        (small(y=["ja", "nein"] * 250), Asked("y", positive="nein"), "'nein' is not yes"),
        (small(), Asked("y", after=("nosuch",)), "there is no column 'nosuch'"),
        (small().head(50), Asked("y"), "has 50 values"),
        (small(y=1), Asked("y"), "has one value only"),
        (small(y=[f"text number {n} of many" for n in range(500)]), Asked("y"), "different texts"),
        (small()[["y"]], Asked("y"), "no feature is left"),
        (small(t=pd.date_range("2024-01-01", periods=500, freq="h")), Asked("y", time="t"), "covers 21 days"),
    ],
)
def test_a_mistake_is_a_sentence_and_nothing_is_written(
    table: pd.DataFrame, asked: Asked, words: str, tmp_path: Path
) -> None:
    home = empty_project(tmp_path / "of_nobody")
    file = tmp_path / "table.csv"
    table.to_csv(file, index=False)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=words) as raised:
        adopt_files(home, [file], asked, safe, quiet)
    assert "\n" not in str(raised.value).partition("\n  ")[0]
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_repeated_rows_are_kept_aside_and_the_key_is_found_all_the_same(tmp_path: Path) -> None:
    table = orders()
    file = deliver(pd.concat([table, table.head(9)]), tmp_path / "orders.csv")
    with duckdb.connect() as connection:
        found = adoption.understand(connection, [file], ASKED, safe, quiet)
    assert [(each.reason, each.rows) for each in found.aside] == [("it repeats another row", 9)]
    assert found.decided.roles.key == "auftrag_nr"


def test_what_gives_the_target_away_is_known_afterwards_and_may_be_absent(tmp_path: Path) -> None:
    table = orders().assign(status=lambda t: np.where(t["Rückgabe"] == "ja", "zurück", "fertig"))
    start = pd.to_datetime(table["Bestelldatum"], dayfirst=True)
    waited = np.random.default_rng(0).integers(2, 40, len(table))
    closed = (start + pd.to_timedelta(waited, unit="D")).dt.strftime("%d.%m.%Y")
    file = deliver(table.assign(geschlossen=closed, dauer=waited * 24), tmp_path / "orders.csv")
    with duckdb.connect() as connection:
        decisions = adoption.understand(connection, [file], ASKED, safe, quiet).decided.decisions
    after = {each.column.name for each in decisions if each.known_after}
    assert after == {"erstattung", "status", "geschlossen", "dauer"}


def test_a_closed_month_and_a_dominating_honest_column_are_taken(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    days = pd.date_range("2024-01-01", "2024-12-30").difference(pd.date_range("2024-08-01", "2024-08-26"))
    distance = draw.uniform(1, 30, 4 * len(days)).round(2)
    table = pd.DataFrame({"day": days.repeat(4), "distance": distance, "rain": draw.normal(size=len(distance))})
    table["fare"] = (2 + 1.7 * distance + draw.normal(0, 5, len(distance))).round(2)
    home = empty_project(tmp_path / "taxis_of_town")
    file = tmp_path / "taxis.csv"
    table.to_csv(file, index=False)
    adopt_files(home, [file], Asked("fare", time="day"), safe, quiet)
    settings = Workspace.open(home).settings
    assert "distance" in settings.model.features
    assert settings.limits.min_week_rows == 0


def test_a_project_that_has_data_is_left_alone(shop: Path, tmp_path: Path) -> None:
    home = tmp_path / shop.name
    shutil.copytree(shop, home)
    with pytest.raises(InputError, match="has its data already"):
        adopt_files(home, [shop.parent / "orders.csv"], ASKED, safe, quiet)
    (home / "config.toml").write_text(f'[project]\npackage = "{shop.name}"\n', encoding="utf-8")
    with pytest.raises(InputError, match="has its data already"):
        adopt_files(home, [shop.parent / "orders.csv"], ASKED, safe, quiet)


def test_what_somebody_wrote_is_not_overwritten_and_a_crash_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, scratch = empty_project(tmp_path / "home_of_it"), tmp_path / "scratch"
    shutil.copytree(home / "src", scratch / "src")
    (scratch / "drills").mkdir()
    (scratch / "drills" / "drafted.toml").write_text("new", encoding="utf-8")
    (scratch / "config.toml").write_text("new", encoding="utf-8")
    (home / "drills").mkdir()
    (home / "drills" / "drafted.toml").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is there already"):
        adoption._put_in_place(scratch, home)
    assert (home / "drills" / "drafted.toml").read_text(encoding="utf-8") == "mine"
    shutil.rmtree(home / "drills")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    copied, count = shutil.copyfile, iter(range(9))

    def full(source: Path, target: Path, **options: bool) -> Path:
        if next(count) == 2:
            raise OSError(28, "No space left on device")
        return Path(copied(source, target, **options))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises((OSError, InputError)):
        adoption._put_in_place(scratch, home)
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_the_database_of_a_delivery_keeps_its_limit_and_speaks_utc(tmp_path: Path) -> None:
    with adoption._database(tmp_path) as connection:
        asked = "select current_setting('memory_limit'), current_setting('timezone')"
        limit, zone = connection.execute(asked).fetchall()[0]
    assert isinstance(connection, duckdb.DuckDBPyConnection)
    assert (limit.endswith("MiB"), zone) == (True, "UTC")
