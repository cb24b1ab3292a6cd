"""Snapshots and their features; tables of any size, in files and partitions."""
