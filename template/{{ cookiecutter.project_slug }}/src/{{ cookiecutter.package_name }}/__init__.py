"""This project: what its data look like and what its model is."""
