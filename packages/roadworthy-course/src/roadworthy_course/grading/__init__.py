"""Grading of many submissions of one exercise: each is run in a sandbox, question by question, and reported."""
