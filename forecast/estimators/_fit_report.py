"""How a fit went: what it made, epoch by epoch, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from forecast.estimators._prepared import Prepared
from forecast.networks.network import Network
from forecast.training.progress import Progress

COLUMNS = ["phase", "epoch", "member", "train_loss", "validation_loss", "learning_rate"]


@dataclass(frozen=True)
class FitReport:
    """How a fit went.

    Parameters
    ----------
    stopped : {'finished', 'interrupted', 'diverged'}
        Diverged where a member's losses were no longer finite: its best epoch is taken, or it is
        left out.
    epochs : tuple of int
        Best epoch of each member.
    diverged : tuple of int
        Members that did not stay finite and are left out.
    device : str
    """

    stopped: str
    epochs: tuple[int, ...]
    diverged: tuple[int, ...]
    device: str


@dataclass(frozen=True)
class Fitted:
    """What a fit has made so far.

    Parameters
    ----------
    network, prepared : what the last phase trained, and on what
    progress : Progress
        Of the selection, which knows when to stop.
    refit : Progress or None
        Of the training on all rows.
    """

    network: Network
    prepared: Prepared
    progress: Progress
    refit: Progress | None

    @property
    def stopped(self) -> str:
        """How the fit ended, see `FitReport`."""
        phases = [self.progress] if self.refit is None else [self.progress, self.refit]
        if any(phase.interrupted for phase in phases):
            return "interrupted"
        return "diverged" if any(phase.diverged for phase in phases) else "finished"

    def history(self) -> pd.DataFrame:
        """Return one row an epoch and member, the refit below the selection."""
        parts = [_curves("select", self.progress)]
        if self.refit is not None:
            parts.append(_curves("refit", self.refit))
        return pd.concat(parts, ignore_index=True)


def _curves(phase: str, progress: Progress) -> pd.DataFrame:
    epochs, members = len(progress.train_losses), len(progress.alive)
    if epochs == 0:
        return pd.DataFrame()
    curves = pd.DataFrame(
        {
            "phase": phase,
            "epoch": np.repeat(np.arange(1, epochs + 1), members),
            "member": np.tile(np.arange(members), epochs),
            "train_loss": torch.stack(progress.train_losses).double().numpy().ravel(),
            "validation_loss": torch.stack(progress.validation_losses).double().numpy().ravel(),
            "learning_rate": np.repeat(progress.rates, members),
        }
    )
    # A member that has stopped has no more epochs.
    lived = np.arange(epochs)[:, None] < np.asarray(progress.lived)[None, :]
    return curves[lived.ravel()].reset_index(drop=True)
