"""A rule that sets networks up, and what may be tried beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecast.estimators.compositions import _differenced_recipe as differenced
from forecast.estimators.compositions import _framed_recipe as framed
from forecast.estimators.compositions._facts import Facts

Choice = Mapping[str, Any]


@dataclass(frozen=True)
class Recipe:
    """How to set networks up for the data at hand.

    Parameters
    ----------
    facts : Facts
    loss : mapping
        Node of the loss that is wanted of networks.
    choices : mapping
        What a search chooses from.
    variants : callable
        From facts to choices, the rule's first.
    build : callable
        From facts, one of each of `choices`, and the loss, to the node of a network.
    """

    facts: Facts
    loss: Mapping[str, Any]
    choices: Mapping[str, Sequence[Any]]
    variants: Callable[[Facts], list[dict[str, Any]]]
    build: Callable[[Facts, Choice, Mapping[str, Any]], dict[str, Any]]

    @classmethod
    def of(cls, facts: Facts, loss: Mapping[str, Any]) -> Recipe:
        """Choose by the number of windows."""
        way = differenced if facts.few else framed
        return cls(facts, loss, way.CHOICES, way.variants, way.network)

    def fixed(self) -> list[dict[str, Any]]:
        """Return the choices that are tried before a search asks: the rule's, and variants."""
        return self.variants(self.facts)

    def network(self, choice: Choice) -> dict[str, Any]:
        """Return the node of a network for some choices."""
        return self.build(self.facts, choice, self.loss)
