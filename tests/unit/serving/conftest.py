"""Models behind the application, asked within this process as over the network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from serving_data import ADDRESS, Client, fitted

from forecast.serving import app
from forecast.serving.gate import Access
from forecast.serving.served import Served


@pytest.fixture(scope="session")
def models():
    """Return one fitted model of every shape in which data come."""
    return fitted()


@pytest.fixture
def client_of():
    """Serve a model as the command does, for this machine alone."""

    def client_of(model, token=None, hosts=(ADDRESS, "localhost:8000"), worker=None):
        served = Served(model, "airline")
        return Client(app.make(served, Access(frozenset(hosts), token), worker))

    return client_of
