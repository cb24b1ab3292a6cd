"""What every other room needs: errors and verdicts, files and locks, settings, databases, progress, source code."""
