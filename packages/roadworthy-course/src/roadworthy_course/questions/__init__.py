"""Checks, hints and quizzes, read as files by the number of their exercise."""
