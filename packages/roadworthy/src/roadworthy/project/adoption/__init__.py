"""From a table that nobody has seen to a drafted project: contract, features, settings, examples, drills."""
