"""What a model answered at one origin, and a folder that keeps such answers between runs."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from forecast.errors import StoreError
from forecast.files import write_atomically
from forecast.types import Array

_FORMAT = 1


@dataclass(frozen=True)
class OriginRecord:
    """The answer of one model at one origin.

    Parameters
    ----------
    forecasts : tuple of arrays of shape (horizon, p, 1 + levels), one a series
        Point forecast, then the quantiles; empty where the model failed.
    fit_seconds, predict_seconds : float
        Time spent; `fit_seconds` is 0 where the weights of an earlier origin were used,
        `predict_seconds` includes moving on to the new rows, and at the first of several origins
        that are forecast together the seconds of all.
    failure : str
        Why there is no forecast; empty where there is one.
    warnings : tuple of str
        What the model's libraries warned of, each once.
    """

    forecasts: tuple[Array, ...] = ()
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0
    failure: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Seconds spent in all."""
        return self.fit_seconds + self.predict_seconds


class Keep(Protocol):
    """A place where finished origins are kept, so that a killed run does not do them again."""

    def get(self, key: str) -> OriginRecord | None:
        """Return what was put under a key, None when there is nothing or it is damaged."""

    def put(self, key: str, record: OriginRecord) -> None:
        """Keep a record."""

    def checkpoint(self, key: str) -> Path | None:
        """Return the file or folder in which a fit may keep its state until the record is put."""


class FolderKeep:
    """Keep records in a folder as JSON files that are complete or absent, never half written.

    A record comes back with the same bits: JSON holds the shortest decimal that reads back as
    the same number. A file whose checksum does not fit counts as absent, its origin is done
    again.

    Parameters
    ----------
    folder : path
        Made when the first record is put.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def get(self, key: str) -> OriginRecord | None:
        """Return what was put under a key, None when there is nothing or it is damaged."""
        try:
            content = json.loads(self._file(key).read_text(encoding="utf-8"))
            body = content["record"]
            if content["format"] != _FORMAT or content["sha256"] != _checksum(body):
                return None
            return _decoded(json.loads(body))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self._file(key)} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError):
            return None  # damaged: said in the docstring, mended by doing the origin again

    def put(self, key: str, record: OriginRecord) -> None:
        """Keep a record, and drop the checkpoint of its fit.

        Raises
        ------
        StoreError
            When the folder cannot be written.
        """
        body = json.dumps(_encoded(record))
        content = json.dumps({"format": _FORMAT, "sha256": _checksum(body), "record": body})
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file(key), content.encode())
            checkpoint = self.checkpoint(key)
            if checkpoint.is_dir():
                shutil.rmtree(checkpoint)
            else:
                checkpoint.unlink(missing_ok=True)
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(
                f"{self.folder}: the backtest cannot be kept here ({error.strerror}). "
                "Make the folder writable, or choose another."
            ) from error

    def checkpoint(self, key: str) -> Path:
        """Return the file or folder in which a fit may keep its state until the record is put."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{key}.checkpoint"

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _encoded(record: OriginRecord) -> dict[str, Any]:
    return {
        "forecasts": [block.tolist() for block in record.forecasts],
        "fit_seconds": record.fit_seconds,
        "predict_seconds": record.predict_seconds,
        "failure": record.failure,
        "warnings": list(record.warnings),
    }


def _decoded(body: Mapping[str, Any]) -> OriginRecord:
    return OriginRecord(
        forecasts=tuple(np.array(block, dtype=np.float64) for block in body["forecasts"]),
        fit_seconds=float(body["fit_seconds"]),
        predict_seconds=float(body["predict_seconds"]),
        failure=str(body["failure"]),
        warnings=tuple(body["warnings"]),
    )
