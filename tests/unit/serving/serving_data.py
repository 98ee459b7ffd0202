"""Models of every shape, and a client that asks an application within this process."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import unquote

import httpx
import numpy as np
import pandas as pd

from forecast.estimators.baselines.auto_reg import AutoReg
from forecast.estimators.baselines.seasonal_naive import SeasonalNaive
from forecast.estimators.ecnn import ECNN

ADDRESS = "127.0.0.1:8000"
JSON = {"content-type": "application/json"}


def monthly(months=48):
    index = pd.date_range("2020-01-01", periods=months, freq="MS", name="month")
    values = 100 + np.arange(months) + 20 * np.sin(np.arange(months) * np.pi / 6)
    return pd.Series(values / 3, index, name="passengers")


def weather(rows=54):
    index = pd.date_range("2020-01-01", periods=rows, freq="MS", name="month")
    return pd.DataFrame({"warm": np.cos(np.arange(rows)), "rain": np.sin(np.arange(rows))}, index)


def network(**settings):
    return ECNN(6, context=12, burn_in=2, state_size=4, n_members=2, max_epochs=3, **settings)


def fitted():
    """Return one fitted model of every shape in which data come."""
    one = monthly()
    hours = pd.date_range("2024-01-01", periods=72, freq="h", name="time", tz="Europe/Berlin")
    draw = np.random.default_rng(0).normal(size=(72, 2))
    shops = {"a": one, "b": one * 2}
    periods = one.copy()
    periods.index = one.index.to_period("M")
    return {
        "network": network().fit(y=one),
        "inputs": network(past_only=("rain",)).fit(weather()[:48], one),
        "baseline": AutoReg(4, lags=2).fit(y=one),
        "system in a zone": SeasonalNaive(3).fit(y=pd.DataFrame(draw, hours, ["load", "price"])),
        "panel": SeasonalNaive(5).fit(y=pd.concat(shops, names=["shop", "month"])),
        "array": SeasonalNaive(3, season=4).fit(y=draw[:, 0]),
        "two arrays": SeasonalNaive(3, season=4).fit(draw, draw),
        "periods": SeasonalNaive(2).fit(y=periods),
        "numbers": SeasonalNaive(2, season=3).fit(y=pd.Series(draw[:, 0], range(5, 77))),
    }


class Client:
    """What a client sees of an application."""

    def __init__(self, application):
        self.application = application

    def request(self, method, path, *, host=ADDRESS, **how):
        async def asked():
            transport = httpx.ASGITransport(self.application)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                return await client.request(method, path, **how)

        return asyncio.run(asked())

    def raw(self, method, path):
        """Ask for a path as it is, which clients tidy up; return status and body."""
        sent = []
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "root_path": "", "query_string": b"", "raw_path": path.encode(),
            "path": unquote(path), "server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 9),
            "headers": [(b"host", ADDRESS.encode()), (b"content-type", b"application/json")],
        }  # fmt: skip

        async def receive():
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message):
            sent.append(message)

        asyncio.run(self.application(scope, receive, send))
        return httpx.Response(sent[0]["status"], content=sent[1]["body"])

    def get(self, path, **how):
        return self.request("GET", path, **how)

    def post(self, path, question=None, *, body=None, **how):
        content = json.dumps(question) if body is None else body
        return self.request("POST", path, content=content, **{"headers": JSON, **how})
