"""Make an environment for a peer: ``python benchmarks/speed/peers/install.py prosper``.

Peers pin other versions than ours, so each lives in `build/peers`, which git ignores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[2] / "build" / "peers"
"""Where the environments lie."""


def main() -> None:
    """Make the environments asked for, anew where there is one."""
    known = sorted(path.stem for path in HERE.glob("*.txt"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peers", nargs="+", choices=known)
    for peer in parser.parse_args().peers:
        folder = FOLDER / peer
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        # torch first and alone: what is there already is not replaced by a larger build.
        subprocess.run([*pip, "torch==2.13.0"], check=True)
        subprocess.run([*pip, "-r", str(HERE / f"{peer}.txt")], check=True)
        print(f"{folder} is ready")


if __name__ == "__main__":
    main()
