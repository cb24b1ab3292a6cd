"""This library on two Parquet files: PSI, Jensen-Shannon, and Kolmogorov-Smirnov or chi-square of each column."""

import json
import sys
import time
from pathlib import Path

import scipy.stats  # noqa: F401 - the peers import it too; nobody's imports are counted
from memory import peak
from roadworthy.monitoring import distributions

before, now, columns = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
since, cpu = time.perf_counter(), time.process_time()
found = distributions.parquet_drift(Path(before), Path(now), columns)
print(json.dumps([len(found), time.perf_counter() - since, time.process_time() - cpu, peak()]))
