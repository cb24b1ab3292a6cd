"""NannyML on two Parquet files: Jensen-Shannon, Kolmogorov-Smirnov and chi-square of each column, one chunk."""

import json
import sys
import time

import nannyml
import pandas as pd
from memory import peak

before, now, columns = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
since, cpu = time.perf_counter(), time.process_time()
first, second = (pd.read_parquet(path, columns=columns) for path in (before, now))
calculator = nannyml.UnivariateDriftCalculator(
    column_names=columns,
    continuous_methods=["jensen_shannon", "kolmogorov_smirnov"],
    categorical_methods=["jensen_shannon", "chi2"],
    chunk_number=1,
)
found = calculator.fit(first).calculate(second).filter(period="analysis").to_df()
print(json.dumps([len(found), time.perf_counter() - since, time.process_time() - cpu, peak()]))
