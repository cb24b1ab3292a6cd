"""Every mistake ends in a sentence that says what, where and what to do, and in exit code 2; red data in 1."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from called import Said, call, refused
from lessons_made import PROJECT, environment, make_project, write_lesson
from roadworthy.base.progress import Display
from roadworthy.data import snapshots
from roadworthy.serving import batch
from small import ROW

SNAPSHOT = PROJECT / "data" / "2013"
AIRPORTS = pd.read_parquet(SNAPSHOT / "airports.parquet")


Command = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project without data and models, with one lesson."""
    home = make_project(tmp_path / "project")
    write_lesson(home, "00_first", "x = rows", parameters="rows = 10  # from 1 to 100")
    return home


@pytest.fixture
def command(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """The console script in that project, in this process."""
    monkeypatch.setenv("MLE_HOME", str(home))
    monkeypatch.chdir(home)
    return partial(call, monkeypatch, capfd)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run 09", ["notebooks: there is no lesson '09'", "there are 00_first"]),
        ("run -p row 1", ["-p row: no lesson of this run has such a parameter", "00_first: rows"]),
        ("run -p rows 101", ["-p rows: the value '101' does not fit", "from 1 to 100"]),
        ("run -p rows many", ["-p rows: the value 'many' does not fit", "a value like 10"]),
        ("run --resume", ["runs: there is no run to go on with", "without --resume"]),
        ("run --jobs 0", ["'--jobs': 0 is not in the range"]),
        ("run --limit 0", ["'--limit': 0.0 is not in the range"]),
        ("simulate --incident strike@2013-09-01", ["there is no incident 'strike'", "celsius", "labels-stop"]),
        ("simulate --incident celsius", ["incident 'celsius': '' is no date", "NAME@YYYY-MM-DD"]),
        ("simulate --from yesterday", ["'--from': 'yesterday' does not match"]),
        ("monitor --log nothing.db", ["nothing.db: no such file"]),
        ("check nothing.csv", ["nothing.csv"]),
        ("check nothing.parquet", ["nothing.parquet"]),
        ("check nothing.csv --table nothing", ["--table: the contract has no table 'nothing'", "there are flights"]),
        ("check --table flights", ["--table: says which table a file is", "give it with FILE"]),
        ("check notebooks --table flights", ["--table: says which table a file is"]),
        ("check notebooks", ["notebooks: holds no table flights", "one file (.parquet or .csv) for each of flights"]),
        ("features nothing out.csv", ["nothing: no such file or folder"]),
        ("features notebooks out.csv", ["notebooks: holds no table flights"]),
        ("features notebooks out.xlsx", ["out.xlsx: has the unknown suffix"]),
        ("features notebooks out.csv --snapshot 1999", ["there is no snapshot '1999'"]),
        ("check --snapshot 1999", ["there is no snapshot '1999'", "choose one of: 2013, 2023"]),
        ("check", ["SHA256SUMS: no such file"]),
        ("train", ["SHA256SUMS: no such file"]),
        ("evaluate", ["registry: there is no version 'champion'", "the command `train` makes a version"]),
        ("test-model --version 3", ["registry: there is no version '3'"]),
        ("registry promote 3", ["registry: there is no version '3'"]),
        ("registry rollback", ["registry: there is no version 'champion'"]),
        ("score --raw notebooks out.csv", ["registry: there is no version 'champion'"]),
        ("score in.csv out.csv", ["registry: there is no version 'champion'"]),
        ("serve --port 0", ["registry: there is no version 'champion'"]),
        ("serve --port 70000", ["'--port': 70000 is not in the range"]),
        ("serve --host no.such.host.invalid --port 0", ["there is no such host"]),
        ("monitor", ["registry: there is no version 'champion'"]),
        ("monitor --until yesterday", ["'--until': 'yesterday' does not match"]),
        ("retrain", ["registry: there is no version 'champion'"]),
        ("tracking", ["nothing is tracked yet", "the command `train`"]),
        ("seal notebooks", ["notebooks: holds no Parquet file"]),
        ("exercise check 99", ["99"]),
        ("no-such-command", ["No such command"]),
        ("train --no-such-option", ["No such option"]),
    ],
)
def test_a_mistake_is_told_in_a_sentence(command: Command, line: str, words: list[str]) -> None:
    refused(command(*line.split()), *words)


def test_a_settings_file_with_a_mistake_is_named(command: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = home / "config.toml"
    right = config.read_text(encoding="utf-8")
    for wrong, words in {
        right + "\n[no_such_section]\n": "no_such_section",
        right + "\nthis is not TOML": "is not valid TOML",
        right.replace("seed = 0", "seed = -1"): "[model] seed",
    }.items():
        config.write_text(wrong, encoding="utf-8")
        refused(command("check"), config, words)
    config.write_text(right, encoding="utf-8")
    monkeypatch.setenv("MLE_MODEL__SEED", "one")
    refused(command("check"), "[model] seed")
    config.unlink()
    refused(command("check"), config, "run the command inside the project")


@pytest.fixture
def snapshot(home: Path) -> Path:
    """A copy of the real snapshot that a test may damage."""
    return Path(shutil.copytree(SNAPSHOT, home / "data" / "2013"))


def test_a_missing_table_is_named(command: Command, snapshot: Path) -> None:
    (snapshot / "planes.parquet").unlink()
    refused(command("check"), snapshot / "planes.parquet", "no such file", "restore it")


def test_a_changed_table_is_noticed(command: Command, snapshot: Path) -> None:
    content = bytearray((snapshot / "airlines.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (snapshot / "airlines.parquet").write_bytes(content)
    refused(command("train"), snapshot / "airlines.parquet", "SHA-256 sum", "seal")


def test_a_table_that_is_damaged_but_sealed_is_named(command: Command, snapshot: Path) -> None:
    content = (snapshot / "weather.parquet").read_bytes()
    (snapshot / "weather.parquet").write_bytes(content[: len(content) // 2])
    snapshots.seal_snapshot(snapshot)
    refused(command("check"), snapshot / "weather.parquet", "cannot be read as Parquet", "write the file again")


def test_a_table_with_other_columns_is_refused_with_their_names(command: Command, home: Path) -> None:
    for name, table, words in (
        ("renamed.csv", AIRPORTS.rename(columns={"alt": "height"}), ("alt", "height")),
        ("missing.csv", AIRPORTS.drop(columns="alt"), ("alt",)),
        ("extra.csv", AIRPORTS.assign(colour="red"), ("colour",)),
    ):
        table.to_csv(home / name, index=False)
        refused(command("check", name, "--table", "airports"), name, *words)


def test_an_empty_table_or_file_is_refused(command: Command, home: Path) -> None:
    AIRPORTS.head(0).to_csv(home / "rows.csv", index=False)
    AIRPORTS.head(0).to_parquet(home / "rows.parquet")
    (home / "nothing.csv").touch()
    (home / "nothing.parquet").touch()
    (home / "noise.csv").write_bytes(bytes(range(256)) * 40)
    (home / "noise.parquet").write_bytes(b"PAR1" + bytes(range(256)) * 40 + b"PAR1")
    for name in ("rows.csv", "rows.parquet", "nothing.csv", "nothing.parquet", "noise.csv", "noise.parquet"):
        refused(command("check", name, "--table", "airports"), name)


def test_wrong_values_are_red_data_and_in_quarantine(command: Command, home: Path) -> None:
    wrong = AIRPORTS.astype(object)
    wrong.loc[wrong.index[:200], "alt"] = "high"
    wrong.to_csv(home / "airports.csv", index=False)
    said = command("check", "airports.csv", "--table", "airports", "--json")
    assert said.code == 1
    assert "airports.csv: the data do not keep the contract" in said.err
    findings = json.loads(said.out)
    assert any(not finding["passed"] for finding in findings)
    kept = pd.read_parquet(home / "reports" / "data" / "airports" / "quarantine" / "airports.parquet")
    assert len(kept) == 200
    assert kept["reason"].str.contains("alt").all()


def test_good_data_are_green_and_json_is_one_document(command: Command, home: Path) -> None:
    AIRPORTS.to_csv(home / "airports.csv", index=False)
    said = command("check", "airports.csv", "--table", "airports", "--json")
    assert said.code == 0, said
    assert all(finding["passed"] for finding in json.loads(said.out))


def test_a_busy_port_is_refused_before_anything_is_loaded(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(command("serve", "--port", port), f"127.0.0.1:{port}: the port is taken", "choose another port")


def test_scoring_says_what_is_wrong_with_a_file_and_leaves_no_result(
    command: Command, home: Path, registry: Path
) -> None:
    shutil.copytree(registry, home / "registry")
    rows = pd.DataFrame([{"flight_id": "a", **ROW}])
    rows.to_csv(home / "good.csv", index=False)
    rows.drop(columns="hour").to_csv(home / "short.csv", index=False)
    below_a_file = home / "good.csv" / "out.csv"
    refused(command("score", "nothing.csv", "out.csv"), "nothing.csv")
    refused(command("score", "short.csv", "out.csv"), "short.csv", "hour")
    refused(command("score", "good.csv", "out.xlsx"), "out.xlsx")
    refused(command("score", "good.csv", below_a_file), "cannot be written")
    refused(command("score", "good.csv", "good.csv"), "good.csv")
    refused(command("score", "reports", "out.csv"), "reports", "suffix")
    (home / "folder.csv").mkdir()
    refused(command("score", "good.csv", "folder.csv"), "folder.csv: is a folder", "give the name of a file")
    refused(command("score", "folder.csv", "out.csv"), "folder.csv: holds no Parquet file")
    (home / "folder.csv").rmdir()
    refused(command("score", "good.csv", "out.csv", "--threads", "0"), "'--threads': 0 is not in the range")
    refused(
        command("score", "good.csv", "out.csv", "--cluster", "local:2"), "--cluster: a cluster shares out the files"
    )
    refused(command("score", "--raw", "reports", "good.csv"), "reports: no such file or folder")
    refused(command("score", "good.csv", "out.csv", "--for-monitoring"), "good.csv: is not Parquet")
    rows.to_parquet(home / "good.parquet")
    refused(command("score", "good.parquet", "out.csv", "--for-monitoring"), "out.csv: is not Parquet")
    refused(command("score", "good.csv", "out.csv", "--version", "7"), "there is no version '7'")
    assert sorted(path.name for path in home.glob("*.csv")) == ["good.csv", "short.csv"]
    said = command("score", "good.csv", "out.csv", "--json")
    assert (said.code, json.loads(said.out)["scored"]) == (0, 1)


def test_scoring_that_was_interrupted_goes_on_when_the_command_is_given_again(
    command: Command, home: Path, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(registry, home / "registry")
    pd.DataFrame([{"flight_id": str(i), **ROW} for i in range(1000)]).to_parquet(home / "in.parquet")
    monkeypatch.setattr(batch, "score_file", partial(batch.score_file, chunk_rows=50))
    with monkeypatch.context() as patch:
        patch.setattr(Display, "tell", interrupt_at(600))
        patch.setattr("os._exit", sys.exit)
        said = command("score", "in.parquet", "out.parquet")
    assert (said.code, said.err.strip()) == (130, "interrupted; what was complete is kept")
    said = command("score", "in.parquet", "out.parquet", "--threads", "2", "--json")
    assert said.code == 0
    assert "Going on after row 400: an earlier run came so far" in said.err
    assert "1,000 of 1,000 rows scored" in said.err
    assert json.loads(said.out)["scored"] == 1000


def interrupt_at(row: int) -> Callable[..., None]:
    def tell(self: Display, name: str, at: int, of: int | None) -> None:
        del self, name, of
        if at >= row:
            raise KeyboardInterrupt

    return tell


def test_a_damaged_model_is_not_served_and_not_used(command: Command, home: Path, small_bundle: Path) -> None:
    content = bytearray((small_bundle / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (small_bundle / "model.onnx").write_bytes(content)
    shutil.copytree(small_bundle.parents[1], home / "registry")
    pd.DataFrame([{"flight_id": "a", **ROW}]).to_csv(home / "in.csv", index=False)
    refused(command("score", "in.csv", "out.csv"), "model.onnx")
    refused(command("serve", "--port", "0"), "model.onnx")


def test_a_file_where_a_folder_belongs_is_named(command: Command, home: Path) -> None:
    (home / "reports").write_text("not a folder")
    AIRPORTS.to_csv(home / "airports.csv", index=False)
    refused(command("check", "airports.csv", "--table", "airports"), home / "reports", "cannot be written")


def test_help_answers_without_the_slow_packages() -> None:
    slow = ("pandas", "numpy", "sklearn", "duckdb", "mlflow", "papermill", "matplotlib", "onnxruntime", "fastapi")
    asked = (
        "import sys\nfrom roadworthy import cli\nsys.argv = ['x', 'run', '--help']\n"
        f"try:\n    cli.main()\nfinally:\n    print(*(name for name in {slow} if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], env=environment(PROJECT), capture_output=True, text=True, check=True
    )
    assert "--resume" in done.stdout
    assert done.stderr.strip() == ""
