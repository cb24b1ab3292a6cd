"""Versions of the model: exported, numbered, promoted, rolled back."""
