"""Data sets from a folder, or from those who publish them."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

M4 = "https://raw.githubusercontent.com/Mcompetitions/M4-methods/master/Dataset"
ETT = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small"
EXCHANGE = "https://raw.githubusercontent.com/laiguokun/multivariate-time-series-data/master"
FREQUENCIES = ("Hourly", "Daily", "Weekly", "Monthly", "Quarterly", "Yearly")
PUBLISHED = {
    **{
        f"m4/{frequency}-{part}.csv": f"{M4}/{part.title()}/{frequency}-{part}.csv"
        for frequency in FREQUENCIES
        for part in ("train", "test")
    },
    "ett/ETTh1.csv": f"{ETT}/ETTh1.csv",
    "ett/ETTh2.csv": f"{ETT}/ETTh2.csv",
    "exchange_rate/exchange_rate.txt.gz": f"{EXCHANGE}/exchange_rate/exchange_rate.txt.gz",
}
"""Where each file comes from. M3 has no publisher of plain files: it is taken from the folder."""


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
    if name not in published:
        raise SystemExit(
            f"{path} is not there, and nobody publishes it in this form. "
            "Put the file there, or name a folder that has it with --data."
        )
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
