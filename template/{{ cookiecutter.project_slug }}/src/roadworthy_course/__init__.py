"""What the exercises are made of: questions and their checks, progress, notebooks, and the data they are drawn from."""
