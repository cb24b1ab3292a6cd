"""The peers' own environments."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
ENVIRONMENTS = HERE.parent / "build" / "peers"
UV = HERE.parent / ".venv" / "bin" / "uv"


def environment(name: str) -> Path:
    """The commands of a peer's own environment, which is made when it is not there."""
    folder, wishes = ENVIRONMENTS / name, PEERS / f"{name}.txt"
    done = folder / "installed.txt"
    if not done.is_file() or done.read_text() != wishes.read_text():
        print(f"Installing {name} into {folder}", flush=True)
        venv = [UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder]
        subprocess.run(venv, check=True)
        subprocess.run([UV, "pip", "install", "--quiet", "--python", folder, "-r", wishes], check=True)
        done.write_text(wishes.read_text())
    return folder / "bin"
