"""What a run and those below it share: their clock, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from forecast.tracking._clock import Clock
from forecast.tracking._model import LoggedModel
from forecast.tracking._sending import Sent


@dataclass
class Tree:
    """A run and those below it.

    Parameters
    ----------
    clock : Clock
    models : list of LoggedModel
        Those that were logged.
    sent : Sent or None
        What they are called on the server to which they were sent.
    waiting : str
        Why, where and for what the record waits; empty if it does not.
    stopped : bool
        Whether Ctrl-C or a request to end stopped one of them.
    """

    clock: Clock = field(default_factory=Clock)
    models: list[LoggedModel] = field(default_factory=list)
    sent: Sent | None = None
    waiting: str = ""
    stopped: bool = False

    def rename(self, sent: Sent) -> None:
        """Go by the keys that the server gave."""
        self.sent = sent
        for model in self.models:
            model.version = sent.versions.get(model.id)
            model.id = sent.ids[model.id]
