"""Drills: plant a fault that teams really make in a copy of the project, and see which gate is red.

The faults stand in the folder drills/ of the project, for most of them are about its data and its SQL.
"""
