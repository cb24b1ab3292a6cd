"""Partitions are watched with the figures of one process and of the prediction log, to a billionth."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import world
from pandas.testing import assert_frame_equal

import scaled
from roadworthy.base.errors import InputError
from roadworthy.bundle.bundle import Bundle
from roadworthy.bundle.signature import Signature
from roadworthy.monitoring import scored, watch
from roadworthy.monitoring.log import PredictionLog
from roadworthy.serving import batch, batch_partitions
from small import SIGNATURE, write_bundle

FEATURES = ["carrier", "origin", "hour", "temp", "distance"]  # of the small bundle that are no secret
NOW = datetime(2013, 8, 6, tzinfo=UTC)  # 31 weeks after the first day of the world


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, small_files: dict[str, bytes]) -> Path:
    """The small bundle with the reference of the invented world."""
    known = [feature for feature in world.FEATURES if feature["name"] in FEATURES]
    made = {"reference.json": world.reference(known), "metrics.json": world.METRICS}
    folder = tmp_path_factory.mktemp("registry") / "versions" / "7"
    write_bundle(folder, {**small_files, **{name: json.dumps(content).encode() for name, content in made.items()}})
    return folder


@pytest.fixture(scope="module")
def weeks() -> list[world.Week]:
    """Seven weeks; in the last two an airline has another name."""
    return [world.week(number) for number in range(24, 29)] + [world.renamed(world.week(n)) for n in (29, 30)]


@pytest.fixture(scope="module")
def partitions(tmp_path_factory: pytest.TempPathFactory, weeks: list[world.Week]) -> Path:
    """The weeks as `score --for-monitoring` writes them, cut across, with rows of another version among them."""
    folder = tmp_path_factory.mktemp("scored")
    rows = world.join(weeks)
    times = rows["day"].astype("datetime64[us]") + np.timedelta64(12, "h")
    table = pa.table(
        {
            "probability": rows["probability"],
            "version": ["7"] * len(times),
            **{name: pa.array(rows[name], from_pandas=True) for name in FEATURES},
            "as_of": pa.array(times).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", "America/New_York")),
            "late": pa.array(rows["label"], from_pandas=True).cast(pa.bool_()),
        }
    )
    other = table.set_column(1, "version", pa.array(["8"] * len(times))).set_column(
        0, "probability", pa.array(times.astype(float) * 0)
    )
    for number in range(4):
        part = pa.concat_tables([table.slice(number * 2500, 2500), other.slice(0, 100)])
        pq.write_table(part, folder / f"{number}.parquet", row_group_size=700)
    return folder


def by_log(bundle: Path, weeks: list[world.Week], folder: Path) -> pd.DataFrame:
    with PredictionLog(folder / "log.db", Signature.parse(json.dumps(SIGNATURE))) as log:
        for week in weeks:
            time = week["day"].astype("datetime64[us]") + np.timedelta64(12, "h")
            keys = np.array([f"{moment}-{i}" for i, moment in enumerate(time)], dtype=object)
            log.append({**week, "key": keys, "time": time, "version": "7", "decision": np.zeros(len(time), dtype=bool)})
            known = ~np.isnan(week["label"])
            log.append_labels(keys[known], week["label"][known], (time + np.timedelta64(5, "h"))[known])
    found = watch.monitor_log(bundle, folder / "log.db", now=NOW).timeline.table()
    return found[found["monitor"] != "freshness"].reset_index(drop=True)


def test_one_process_and_two_workers_read_what_the_log_says(
    bundle: Path, weeks: list[world.Week], partitions: Path, tmp_path: Path
) -> None:
    expected = by_log(bundle, weeks, tmp_path)
    assert len(weeks) <= expected["window"].nunique()
    assert expected["alarm"].any()
    assert set(expected["monitor"]) >= {"drift", "prediction", "nulls", "unseen", "labels", "auc", "calibration"}
    one = scored.monitor_scored(bundle, str(partitions), now=NOW, report_path=tmp_path / "report.html")
    many = scored.monitor_scored(bundle, str(partitions), now=NOW, cluster="local:2")
    for watched in (one, many):
        assert_frame_equal(
            watched.timeline.table().drop(columns="evidence"), expected.drop(columns="evidence"), rtol=1e-9, atol=1e-12
        )
        assert watched.passed is False
    assert "Alarm: " in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_worker_that_is_killed_while_it_counts_changes_no_figure(
    bundle: Path, partitions: Path, tmp_path: Path
) -> None:
    many = tmp_path / "many"  # more than are handed out at once
    many.mkdir()
    for number in range(12):
        (many / f"{number:02}.parquet").symlink_to(partitions / f"{number % 4}.parquet")
    one = scored.monitor_scored(bundle, str(many), now=NOW)
    with scaled.mortal_workers(tmp_path / "dask") as (address, kill):
        two = scored.monitor_scored(bundle, str(many), now=NOW, cluster=address, progress=kill)
    assert_frame_equal(two.timeline.table(), one.timeline.table(), rtol=1e-9, atol=1e-12)


def test_without_a_time_the_newest_day_is_the_last_one(bundle: Path, partitions: Path) -> None:
    watched = scored.monitor_scored(bundle, str(partitions))
    # The last prediction is of 5 August, at noon in UTC.
    assert watched.timeline.windows == scored.monitor_scored(bundle, str(partitions), now=NOW).timeline.windows
    assert watched.timeline.windows[-1] == "2013-07-30"


def test_labels_that_are_not_due_are_not_missed(bundle: Path, partitions: Path) -> None:
    found = scored.monitor_scored(bundle, str(partitions), now=NOW, label_delay=timedelta(days=60))
    assert {reading.violated for reading in found.timeline.of("auc")} == {None}


def test_what_is_scored_for_monitoring_can_be_watched_wherever_it_is(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = scaled.write(tmp_path / "in", 3, 2000)
    batch_partitions.score_partitions(bundle, str(source), str(tmp_path / "out"), for_monitoring=True)
    local = scored.monitor_scored(bundle, str(tmp_path / "out"))
    assert local.timeline.windows == ["2013-07-01", "2013-07-08", "2013-07-15"]
    assert sum(reading.violated is not None for reading in local.timeline.readings) > 20
    with scaled.s3(monkeypatch):
        there = scored.monitor_scored(bundle, scaled.upload(tmp_path / "out", "out"))
    assert_frame_equal(there.timeline.table(), local.timeline.table(), rtol=1e-9)


def test_one_file_is_watched_as_a_folder_that_holds_nothing_else(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = scaled.write(tmp_path / "in", 1, 2000) / "part=0" / "0.parquet"
    out = tmp_path / "out" / "scores.parquet"
    assert batch.score_file(Bundle.load(bundle), rows, out, for_monitoring=True).quarantine
    one = scored.monitor_scored(bundle, str(out)).timeline.table()
    # Its quarantine stands beside it.
    assert_frame_equal(scored.monitor_scored(bundle, str(out.parent)).timeline.table(), one)
    with scaled.s3(monkeypatch):
        place = scaled.upload(tmp_path / "out", "out")
        assert_frame_equal(scored.monitor_scored(bundle, f"{place}/scores.parquet").timeline.table(), one)
    with pytest.raises(InputError, match="there is nothing here"):
        scored.monitor_scored(bundle, str(tmp_path / "none.parquet"))
    batch.score_file(Bundle.load(bundle), rows, tmp_path / "other" / "scores.csv")
    for place in ("other", "other/scores.csv"):
        with pytest.raises(InputError, match="is not Parquet"):
            scored.monitor_scored(bundle, str(tmp_path / place), now=NOW)
    batch.score_file(Bundle.load(bundle), rows, tmp_path / "bare.parquet")
    with pytest.raises(InputError, match="there is no column 'as_of'") as refusal:
        scored.monitor_scored(bundle, str(tmp_path / "bare.parquet"))
    assert refusal.value.where.endswith("bare.parquet")


def test_partitions_that_were_not_scored_for_monitoring_are_told_apart(bundle: Path, tmp_path: Path) -> None:
    source = scaled.write(tmp_path / "in", 1, 50)
    batch_partitions.score_partitions(bundle, str(source), str(tmp_path / "out"))
    for now in (None, NOW):
        with pytest.raises(InputError) as refusal:
            scored.monitor_scored(bundle, str(tmp_path / "out"), now=now)
        assert "score --for-monitoring" in refusal.value.hint
        assert "0.parquet" in refusal.value.where
