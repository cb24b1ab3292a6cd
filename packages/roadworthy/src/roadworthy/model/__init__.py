"""Training, tuning, evaluation and model tests, and the record of each run."""
