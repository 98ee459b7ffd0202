"""How far training has come: best weights, losses, and the checkpoint that holds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from forecast.networks.network import Network
from forecast.training.checkpoint import Checkpoint, State

if TYPE_CHECKING:
    from forecast.training.loop import Loop


FORMAT = 4
"""Of a checkpoint; one of another format is not taken up."""

STRIKES = 3
"""Epochs in a row without a finite loss after which a member stops."""

_BY_MEMBER = ("best_loss", "best_epoch", "alive", "running", "limits", "lived", "strikes")


@dataclass
class Progress:
    """State of a training that changes from epoch to epoch, all of it by member.

    Parameters
    ----------
    best : dict of tensors
        Weights of each member at its best epoch.
    best_loss, best_epoch, alive, running : tensors of shape (E,)
    limits : tensor of shape (E,)
        The most epochs of each member.
    lived : tensor of shape (E,)
        Epochs each member has trained.
    strikes : tensor of shape (E,)
        Epochs in a row whose losses were not finite.
    train_losses, validation_losses : lists of tensors of shape (E,)
    rates : list of float
    epoch : int
        Epochs done.
    interrupted : bool
    """

    best: dict[str, Tensor]
    best_loss: Tensor
    best_epoch: Tensor
    alive: Tensor
    running: Tensor
    limits: Tensor
    lived: Tensor
    strikes: Tensor
    train_losses: list[Tensor] = field(default_factory=list)
    validation_losses: list[Tensor] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    epoch: int = 0
    interrupted: bool = False

    @classmethod
    def begin(cls, network: Network, epochs: Sequence[int]) -> Progress:
        """Start with nothing done."""
        members = network.members
        return cls(
            best={name: value.detach().clone() for name, value in network.named_parameters()},
            best_loss=torch.full((members,), torch.inf, dtype=torch.float64),
            best_epoch=torch.zeros(members, dtype=torch.int64),
            alive=torch.ones(members, dtype=torch.bool),
            running=torch.ones(members, dtype=torch.bool),
            limits=torch.tensor(list(epochs), dtype=torch.int64),
            lived=torch.zeros(members, dtype=torch.int64),
            strikes=torch.zeros(members, dtype=torch.int64),
        )

    @property
    def finished(self) -> bool:
        """Whether every member has stopped."""
        return not bool(self.running.any())

    def record(
        self,
        active: Network,
        members: Sequence[int],
        train: Tensor,
        validation: Tensor | None,
        rate: float,
        patience: int | None,
    ) -> None:
        """Take in an epoch of the members that still train: keep the better, stop the done.

        Parameters
        ----------
        active : Network
            These members after the epoch.
        members : sequence of int
            Their places in the ensemble.
        train, validation : tensors of shape (members,)
        rate : float
        patience : int or None
            None to keep the last epoch, not the best.
        """
        self.epoch += 1
        self.lived = torch.where(self.running, self.epoch, self.lived)
        losses = self._spread(members, train)
        self.train_losses.append(losses)
        self.rates.append(rate)
        sound = losses.isfinite()
        if validation is None:
            self.validation_losses.append(torch.full_like(losses, torch.nan))
            better = self.running & sound
        else:
            scores = self._spread(members, validation)
            self.validation_losses.append(scores)
            sound &= scores.isfinite()
            lower = scores < self.best_loss if patience is not None else torch.ones_like(sound)
            better = self.running & sound & lower
            self.best_loss = torch.where(better, scores, self.best_loss)
        self._keep(active, members, better)
        patient = self.epoch - self.best_epoch < (patience or self.epoch + 1)
        self.strikes = torch.where(self.running, (self.strikes + 1) * ~sound, self.strikes)
        self.running &= (self.strikes < STRIKES) & patient & (self.epoch < self.limits)
        self.alive &= self.running | (self.best_epoch > 0)

    def _spread(self, members: Sequence[int], values: Tensor) -> Tensor:
        """Put values of some members among those of all, which are NaN."""
        spread = torch.full((len(self.alive),), torch.nan, dtype=torch.float64)
        spread[list(members)] = values.double().cpu()
        return spread

    def _keep(self, active: Network, members: Sequence[int], better: Tensor) -> None:
        self.best_epoch = torch.where(better, self.epoch, self.best_epoch)
        places = [place for place, member in enumerate(members) if better[member]]
        if places:
            theirs = [members[place] for place in places]
            for name, value in active.named_parameters():
                self.best[name][theirs] = value.detach()[places]

    @property
    def diverged(self) -> bool:
        """Whether a member was stopped because its losses were no longer finite."""
        return bool((self.strikes >= STRIKES).any())

    def keep_last_where_none_is_best(self, active: Network) -> None:
        """Keep the weights of members that were interrupted in their first epoch."""
        if self.epoch == 0:
            self._keep(active, range(active.members), self.running)
        else:
            self.alive &= self.best_epoch > 0

    def restore_best(self, network: Network) -> None:
        """Put the best weights of each member into the network."""
        with torch.no_grad():
            for name, value in network.named_parameters():
                value.copy_(self.best[name])

    def summary(self, phase: str) -> dict[str, Any]:
        """Describe the last epoch in plain values."""
        train, validation = self.train_losses[-1], self.validation_losses[-1]
        return {
            "phase": phase,
            "epoch": self.epoch,
            "max_epochs": int(self.limits.max()),
            "train_loss": float(train.nanmedian()),
            "validation_loss": float(validation.nanmedian()),
            "members_running": int(self.running.sum()),
            "best_epochs": self.best_epoch.tolist(),
        }

    def state(self, loop: Loop) -> Callable[[], State]:
        """Copy all that is needed to go on to the same bits; what is returned puts it together."""
        loop.network.put(loop.members, loop.active)
        tensors = {f"network.{k}": v for k, v in loop.network.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        tensors |= {"optimiser.first": loop.flat.first, "optimiser.second": loop.flat.second}
        tensors["optimiser.members"] = torch.tensor(loop.members)
        for number, generator in enumerate(loop.generators):
            tensors[f"generator.{number}"] = generator.get_state()
        for name in _BY_MEMBER:
            tensors[f"progress.{name}"] = getattr(self, name)
        copies = {name: value.detach().clone() for name, value in tensors.items()}
        about = {
            "format": FORMAT, "epoch": self.epoch, "steps": loop.flat.steps,
            "fingerprint": loop.fingerprint,
        }  # fmt: skip
        # These only grow, so that of them no copy is needed at every epoch.
        losses = (self.train_losses, self.validation_losses, self.rates)
        return partial(_with_curves, copies, about, *losses)

    def resume(self, checkpoint: Checkpoint, loop: Loop) -> None:
        """Take up a checkpoint of the same task; leave everything as it is where there is none."""
        found = checkpoint.read()
        if found is None:
            return
        tensors, about = dict(found[0]), found[1]
        if about.get("format") != FORMAT or about["fingerprint"] != loop.fingerprint:
            return
        loop.network.load_state_dict(_part(tensors, "network."))
        best = _part(tensors, "best.")
        self.best = {name: best[name].to(now.device) for name, now in self.best.items()}
        loop.admit(tensors["optimiser.members"].tolist())
        loop.recall(tensors["optimiser.first"], tensors["optimiser.second"], about["steps"])
        for number, generator in enumerate(loop.generators):
            generator.set_state(tensors[f"generator.{number}"])
        for name in _BY_MEMBER:
            setattr(self, name, tensors[f"progress.{name}"])
        self.train_losses = list(tensors["progress.train_losses"])
        self.validation_losses = list(tensors["progress.validation_losses"])
        self.rates = tensors["progress.rates"].tolist()
        self.epoch = about["epoch"]


def _with_curves(
    copies: dict[str, Tensor],
    about: dict[str, Any],
    train: list[Tensor],
    validation: list[Tensor],
    rates: list[float],
) -> State:
    epoch = about["epoch"]
    none = copies["progress.best_loss"].new_empty(0, len(copies["progress.best_loss"]))
    curves = {
        "train_losses": torch.stack(train[:epoch]) if epoch else none,
        "validation_losses": torch.stack(validation[:epoch]) if epoch else none,
        "rates": torch.tensor(rates[:epoch], dtype=torch.float64),
    }
    return copies | {f"progress.{name}": value for name, value in curves.items()}, about


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
