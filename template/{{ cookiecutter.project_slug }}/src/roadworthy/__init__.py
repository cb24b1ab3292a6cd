"""A machine-learning project from data checks to monitoring, driven by one data contract.

Read `contract.py` first: what the data must look like. Then follow a row: `data.py`, `data_checks.py`,
`training.py`, `evaluation.py`, `model_tests.py`, `export.py`, `service/`, `monitoring/`, `retraining.py`.
"""
