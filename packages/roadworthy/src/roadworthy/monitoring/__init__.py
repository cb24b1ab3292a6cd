"""What happens to the model in service: the log of its predictions, drift, performance when labels come, alarms."""
