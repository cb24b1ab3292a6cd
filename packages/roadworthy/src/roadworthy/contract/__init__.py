"""The data contract: its words, the project that it belongs to, and the checks of rows and tables."""
