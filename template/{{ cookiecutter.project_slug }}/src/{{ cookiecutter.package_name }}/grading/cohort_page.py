from pathlib import Path
def write(*a): return Path("x")
