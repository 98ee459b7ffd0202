"""A rule that sets networks up, and what may be tried beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from forecast.estimators.compositions import _differenced_recipe as differenced
from forecast.estimators.compositions import _framed_recipe as framed
from forecast.estimators.compositions._facts import Facts


@dataclass(frozen=True)
class Recipe:
    """How to set networks up for the data at hand.

    Parameters
    ----------
    facts : Facts
    loss : mapping
        Node of the loss that is wanted of networks.
    way : module
        With `CHOICES`, from which a search chooses, `variants` that are tried first, choices to
        take `together` without a trial, and `network`, which makes nodes of them.
    """

    facts: Facts
    loss: Mapping[str, Any]
    way: ModuleType

    @classmethod
    def of(cls, facts: Facts, loss: Mapping[str, Any]) -> Recipe:
        """Choose the way by the number of windows."""
        return cls(facts, loss, differenced if facts.few else framed)

    @property
    def choices(self) -> Mapping[str, Sequence[Any]]:
        """What a search chooses from."""
        found: Mapping[str, Sequence[Any]] = self.way.CHOICES
        return found

    def fixed(self) -> list[dict[str, Any]]:
        """Return the choices that are tried before a search asks: the rule's, and variants."""
        found: list[dict[str, Any]] = self.way.variants(self.facts)
        return found

    def together(self) -> list[dict[str, Any]]:
        """Return choices to combine where none is tried."""
        found: list[dict[str, Any]] = self.way.together(self.facts)
        return found

    def network(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        """Return the node of a network for some choices."""
        found: dict[str, Any] = self.way.network(self.facts, choice, self.loss)
        return found
