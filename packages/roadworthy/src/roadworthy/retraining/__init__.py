"""A challenger from the rules that ask for it to the recorded decision, and the card of a version."""
