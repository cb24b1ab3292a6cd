"""What a tracking store holds."""

from roadworthy.registry import releases


def recorded_runs(store: releases.Store, experiment: str) -> list[dict[str, object]]:
    """The recorded runs of an experiment, the newest first: name, parameters and metrics."""
    with releases.tracking_client(store) as client:
        known = client.get_experiment_by_name(experiment)
        runs = client.search_runs([known.experiment_id]) if known else []
        return [{"name": run.info.run_name, **run.data.params, **run.data.metrics} for run in runs]
