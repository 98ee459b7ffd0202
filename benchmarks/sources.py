"""Data sets from a folder, or from those who publish them."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

M4 = "https://raw.githubusercontent.com/Mcompetitions/M4-methods/master/Dataset/Train"
ETT = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small"
PUBLISHED = {
    "m4/Hourly-train.csv": f"{M4}/Hourly-train.csv",
    "m4/Weekly-train.csv": f"{M4}/Weekly-train.csv",
    "m4/Monthly-train.csv": f"{M4}/Monthly-train.csv",
    "ett/ETTh1.csv": f"{ETT}/ETTh1.csv",
}


def find(name: str, folder: Path, published: dict[str, str] = PUBLISHED) -> Path:
    """Return the path of a data set, plain or gzipped; fetch it into the folder if it is absent.

    Raises
    ------
    SystemExit
        When it is neither there nor to be had.
    """
    path = folder / name
    for there in (path, path.with_name(f"{path.name}.gz")):
        if there.exists():
            return there
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    print(f"fetching {published[name]}", flush=True)
    try:
        with urllib.request.urlopen(published[name], timeout=60) as answer:  # noqa: S310
            part.write_bytes(answer.read())
    except (urllib.error.URLError, TimeoutError) as error:
        raise SystemExit(
            f"{path} is not there, and {published[name]} cannot be had: {error}. "
            "Put the file there, or name a folder that has it with --data."
        ) from error
    part.replace(path)
    return path
