"""Evidently on two Parquet files: the drift of each column by the preset's own choice of a test."""

import json
import sys
import time

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
from memory import peak

before, now, columns = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
since, cpu = time.perf_counter(), time.process_time()
first, second = (pd.read_parquet(path, columns=columns) for path in (before, now))
found = Report([DataDriftPreset()]).run(second, first).dict()["metrics"]
print(json.dumps([len(found), time.perf_counter() - since, time.process_time() - cpu, peak()]))
