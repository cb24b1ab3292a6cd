"""Damage that is no change of a text, a table or a setting: to files of a bundle, of a snapshot, of the registry.

Each function takes the folder of the copy that it damages.
"""
