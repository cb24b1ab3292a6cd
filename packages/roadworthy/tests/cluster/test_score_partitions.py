"""Partitioned Parquet is scored like one file after the other, wherever it is and whoever dies meanwhile."""

import json
from pathlib import Path

import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from pyarrow import fs

import scaled
from roadworthy.base.errors import InputError
from roadworthy.bundle.bundle import Bundle
from roadworthy.cli import program
from roadworthy.data.partitions import Place
from roadworthy.serving import batch, batch_partitions
from roadworthy.serving.batch_partitions import Summary
from sample import HOME

PARTITIONS, ROWS = 6, 3000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some partitions."""
    return scaled.write(tmp_path_factory.mktemp("in"), PARTITIONS, ROWS)


@pytest.fixture(scope="module")
def bundle(built_registry: Path) -> Path:
    """The folder of the small bundle."""
    return built_registry / "versions" / "1"


@pytest.fixture(scope="module")
def expected(source: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """What `scoring.score` makes of each partition alone."""
    folder = tmp_path_factory.mktemp("expected")
    for file in source.rglob("*.parquet"):
        name = file.relative_to(source)
        aside = folder / "_quarantine" / name
        batch.score_file(Bundle.load(bundle), file, folder / name, quarantine=aside, for_monitoring=True)
    return contents(folder)


def contents(folder: Path) -> dict[str, list[bytes]]:
    """The rows of each Parquet file by its name, byte for byte as the file has them."""
    return {
        file.relative_to(folder).as_posix(): [
            batch.serialize().to_pybytes() for batch in pq.read_table(file).to_batches()
        ]
        for file in sorted(folder.rglob("*.parquet"))
    }


def complete(summary: Summary) -> None:
    rows = sum(ROWS + number for number in range(PARTITIONS))
    assert (summary.partitions, summary.rows, summary.quarantined) == (PARTITIONS, rows, PARTITIONS)
    assert summary.scored == rows - PARTITIONS
    assert summary.reasons == {"temp is too large": PARTITIONS}


def test_one_process_writes_a_partition_for_each_and_goes_on_after_those_that_are_done(
    source: Path, bundle: Path, expected: dict[str, list[bytes]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    complete(batch_partitions.score_partitions(bundle, str(source), str(out), for_monitoring=True))
    assert contents(out) == expected
    assert {path.suffix for path in out.rglob("*") if path.is_file()} == {".parquet", ".json"}
    gone = out / "_notes" / "part=1" / "3.parquet.json"
    gone.write_text(json.dumps({"identity": ["another"], "counts": {}}), encoding="utf-8")
    (out / "part=1" / "3.parquet").write_bytes(b"damaged")
    again = batch_partitions.score_partitions(bundle, str(source), str(out), for_monitoring=True)
    complete(again)
    assert again.resumed == PARTITIONS - 1
    assert contents(out) == expected
    without = batch_partitions.score_partitions(bundle, str(source), str(out))
    assert without.resumed == 0
    assert pq.read_schema(out / "part=0" / "0.parquet").names == ["flight_id", "probability", "decision", "version"]


def test_two_workers_lose_and_double_nothing_when_one_of_them_is_killed(
    source: Path, bundle: Path, expected: dict[str, list[bytes]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with scaled.mortal_workers(tmp_path / "dask") as (address, kill):
        summary = batch_partitions.score_partitions(
            bundle, str(source), str(out), cluster=address, for_monitoring=True, progress=kill
        )
    complete(summary)
    assert contents(out) == expected
    assert not [path for path in out.rglob("*") if path.name.endswith((".parts", ".writing"))]


def test_workers_read_from_s3_and_write_to_it(
    source: Path,
    bundle: Path,
    expected: dict[str, list[bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with scaled.s3(monkeypatch):
        place = scaled.upload(source, "in")
        target = f"s3://{scaled.BUCKET}/out"
        complete(batch_partitions.score_partitions(bundle, place, target, cluster="local:2", for_monitoring=True))
        assert batch_partitions.score_partitions(bundle, place, target, for_monitoring=True).resumed == PARTITIONS
        fs.copy_files(f"{scaled.BUCKET}/out", str(tmp_path / "out"), scaled.files(), fs.LocalFileSystem())
        with pytest.raises(InputError, match="there is nothing here"):
            batch_partitions.score_partitions(bundle, "s3://another-bucket/in", target)
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        with pytest.raises(InputError, match="cannot be used") as refusal:
            batch_partitions.score_partitions(bundle, place, target)
        assert "AWS_ENDPOINT_URL" in refusal.value.hint
    assert contents(tmp_path / "out") == expected


def test_a_partition_that_cannot_be_scored_is_named_and_the_others_are_kept(
    source: Path, bundle: Path, tmp_path: Path
) -> None:
    broken = scaled.write(tmp_path / "in", 3, 100)
    (broken / "part=1" / "1.parquet").write_bytes(b"PAR1 this is none PAR1")
    with pytest.raises(InputError, match=r"part=1/1\.parquet: cannot be read"):
        batch_partitions.score_partitions(bundle, str(broken), str(tmp_path / "out"), cluster="local:2")
    del source


def test_a_folder_of_csv_files_is_scored_as_each_of_them_by_several_threads(
    source: Path, bundle: Path, tmp_path: Path
) -> None:
    for file in source.rglob("*.parquet"):
        place = tmp_path / "in" / file.relative_to(source).with_suffix(".csv")
        place.parent.mkdir(parents=True, exist_ok=True)
        pc.write_csv(pq.read_table(file), place)
    complete(batch_partitions.score_partitions(bundle, str(tmp_path / "in"), str(tmp_path / "out"), threads=3))
    name = "part=0/0.csv"
    batch.score_file(Bundle.load(bundle), tmp_path / "in" / name, tmp_path / "alone.csv")
    assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert (tmp_path / "out" / "_quarantine" / name).is_file()
    # Beside Parquet, CSV is something else.
    pq.write_table(pq.read_table(source / "part=0" / "0.parquet"), tmp_path / "in" / "a.parquet")
    assert list(Place(str(tmp_path / "in")).partitions()) == ["a.parquet"]


def test_places_that_would_mix_results_are_refused(source: Path, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mixed with its own results"):
        batch_partitions.score_partitions(bundle, str(source), str(source / "out"))
    scaled.write(tmp_path / "out", 7, 5)
    with pytest.raises(InputError, match=r"does not have: part=0/6\.parquet"):
        batch_partitions.score_partitions(bundle, str(source), str(tmp_path / "out"))
    with pytest.raises(InputError, match="there is nothing here"):
        batch_partitions.score_partitions(bundle, str(tmp_path / "none"), str(tmp_path / "new"))
    with pytest.raises(InputError, match="is a file"):
        batch_partitions.score_partitions(bundle, str(source), str(source / "part=0" / "0.parquet"))


@pytest.mark.parametrize("cluster", ["tcp://127.0.0.1:1", "local:0", "nonsense"])
def test_a_cluster_that_is_not_there_is_told(
    source: Path, bundle: Path, tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadworthy.data.partitions.PATIENCE", 1)
    with pytest.raises(InputError, match="no scheduler answers") as refusal:
        batch_partitions.score_partitions(bundle, str(source), str(tmp_path / "out"), cluster=cluster)
    assert "local:2" in refusal.value.hint


def test_private_values_are_not_kept_for_monitoring(source: Path, bundle: Path, tmp_path: Path) -> None:
    batch_partitions.score_partitions(bundle, str(source), str(tmp_path / "out"), for_monitoring=True)
    names = pq.read_schema(tmp_path / "out" / "part=0" / "0.parquet").names
    assert names[4:] == ["carrier", "origin", "hour", "temp", "distance", "as_of", "late"]


def test_a_csv_file_and_one_without_a_time_cannot_be_scored_for_monitoring(bundle: Path, tmp_path: Path) -> None:
    loaded = Bundle.load(bundle)
    (tmp_path / "in.csv").write_text("flight_id\nF1\n", encoding="utf-8")
    with pytest.raises(InputError, match="is not Parquet"):
        batch.score_file(loaded, tmp_path / "in.csv", tmp_path / "out.parquet", for_monitoring=True)
    rows = scaled.table(20, 0)
    pq.write_table(rows.drop_columns("as_of"), tmp_path / "in.parquet")
    with pytest.raises(InputError, match="columns are missing: as_of"):
        batch.score_file(loaded, tmp_path / "in.parquet", tmp_path / "out.parquet", for_monitoring=True)


def test_the_command_takes_folders_and_says_what_became_of_their_rows(
    built_registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = scaled.write(tmp_path / "in", 2, 200)
    monkeypatch.setenv("MLE_HOME", str(HOME))
    monkeypatch.setenv("MLE_PATHS__REGISTRY", str(built_registry))
    done = CliRunner().invoke(
        program.commands, ["score", str(source), str(tmp_path / "out"), "--for-monitoring", "--json"]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["version"], told["partitions"], told["rows"], told["quarantined"]) == ("1", 2, 401, 2)
    assert "2 rows are in" in done.stderr
    assert (tmp_path / "out" / "part=1" / "1.parquet").is_file()
