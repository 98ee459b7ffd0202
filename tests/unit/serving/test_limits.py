"""Who may ask, how many at a time, and for how long."""

from __future__ import annotations

import asyncio
import json
import logging
import threading

import httpx
import pytest
from serving_data import ADDRESS, JSON, Client

from forecast.errors import SpecError, StoreError
from forecast.serving import app, gate, server
from forecast.serving.gate import Access
from forecast.serving.served import Served
from forecast.serving.worker import Worker

TOKEN = "correct-horse-battery"  # noqa: S105
EVERYONE = "0.0.0.0"  # noqa: S104


@pytest.fixture
def served(models):
    return Served(models["baseline"], "airline")


def here(served, worker=None):
    return app.make(served, Access(frozenset([ADDRESS])), worker)


def at_once(application, count, question=b"{}"):
    """Ask so many times at once; return the answers."""

    async def asked():
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{ADDRESS}") as client:
            calls = [client.post("/predict", content=question, headers=JSON) for _ in range(count)]
            return await asyncio.gather(*calls)

    return asyncio.run(asked())


# -- how many ------------------------------------------------------------------------------------


def test_questions_at_once_are_answered_as_one_by_one(served):
    application = here(served)
    alone = Client(application).post("/predict", {}).text
    answers = at_once(application, 50)
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, alone)}


def test_sixty_four_wait_and_no_more(served, monkeypatch):
    """While one is computed; and it is said to be busy, and later takes questions again."""
    worker, release = Worker(), threading.Event()
    application = here(served, worker)
    own = Served.answer
    monkeypatch.setattr(Served, "answer", lambda self, asked: release.wait(60) and own(self, asked))

    async def asked():
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{ADDRESS}") as client:
            calls = [
                asyncio.create_task(client.post("/predict", content=b"{}", headers=JSON))
                for _ in range(70)
            ]
            while sum(call.done() for call in calls) < 5:
                await asyncio.sleep(0.01)
            during = await client.get("/ready"), await client.get("/health")
            release.set()
            return [await call for call in calls], during, await client.get("/ready")

    answers, (busy, alive), after = asyncio.run(asked())
    codes = [answer.status_code for answer in answers]
    assert (codes.count(200), codes.count(503)) == (65, 5)
    turned = next(answer for answer in answers if answer.status_code == 503)
    assert "64 requests are waiting" in turned.json()["error"]["message"]
    assert turned.headers["retry-after"] == "1"
    assert (busy.status_code, alive.status_code, after.status_code) == (503, 200, 200)


def test_bodies_that_wait_are_counted_together(served, monkeypatch):
    monkeypatch.setattr(gate, "MAX_BODIES", 4_000)
    padded = b"{" + b" " * 1_500 + b"}"
    answers = at_once(here(served), 6, padded)
    codes = {answer.status_code for answer in answers}
    assert codes == {200, 503}
    assert "too much is sent at once" in next(a.text for a in answers if a.status_code == 503)
    assert {answer.status_code for answer in at_once(here(served), 2, padded)} == {200}


def test_a_body_that_is_answered_counts_no_more(served, monkeypatch):
    monkeypatch.setattr(gate, "MAX_BODIES", 4_000)
    client = Client(here(served))
    for _ in range(5):
        assert client.post("/predict", body=b"{" + b" " * 3_000 + b"}").status_code == 200
        assert client.post("/predict", body=b"{" + b" " * 3_000).status_code == 400


# -- for how long --------------------------------------------------------------------------------


def test_a_question_that_takes_too_long_is_given_up_and_keeps_its_place(served, monkeypatch):
    worker, release = Worker(waiting=0, seconds=0.2), threading.Event()
    client = Client(here(served, worker))
    monkeypatch.setattr(Served, "answer", lambda self, asked: release.wait(60) and {})
    late = client.post("/predict", {})
    assert late.status_code == 503
    assert "no answer in 0.2 seconds" in late.text
    # It still computes, and what computes is one of those who are inside.
    assert "0 requests are waiting" in client.post("/predict", {}).text
    release.set()
    worker._thread.submit(lambda: None).result(10)
    assert client.post("/predict", {}).status_code == 200


def test_a_body_that_trickles_in_is_given_up(served, monkeypatch):
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.1)

    async def slow():
        for _ in range(100):
            yield b" "
            await asyncio.sleep(0.05)

    client = Client(here(served))
    answer = client.request("POST", "/predict", content=slow(), headers=JSON)
    assert answer.status_code == 408
    assert client.get("/health").status_code == 200


def test_a_fault_of_ours_is_said_without_a_trace(served, monkeypatch, caplog):
    def fails(self, asked):
        raise KeyError("secret in a trace")

    monkeypatch.setattr(Served, "answer", fails)
    client = Client(here(served))
    with caplog.at_level(logging.ERROR):
        answer = client.post("/predict", {})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["error"]["where"] == "server"
    assert "secret in a trace" in caplog.text
    assert client.get("/health").status_code == 200


# -- who -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN,
        f"Basic {TOKEN}", f"Bearer {TOKEN.upper()}", "Bearer é", f"Bearer {TOKEN} {TOKEN}",
    ],
)  # fmt: skip
def test_without_the_token_nothing_is_said(given, served):
    client = Client(app.make(served, Access(None, TOKEN)))
    headers = {} if given is None else {"authorization": given.encode("latin-1")}
    for method, path in (
        ("GET", "/model"), ("GET", "/"), ("GET", "/openapi.json"), ("POST", "/predict"),
        ("POST", "/update"), ("GET", "/../etc"),
    ):  # fmt: skip
        answer = client.request(method, path, headers={**JSON, **headers}, content=b"{}")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.text
    assert client.get("/health", headers=headers).status_code == 200


def test_with_the_token_all_is_said_under_any_name(served):
    client = Client(app.make(served, Access(None, TOKEN)))
    headers = {**JSON, "authorization": f"bearer {TOKEN}", "host": "forecasts.example:80"}
    assert client.post("/predict", {}, headers=headers).status_code == 200
    foreign = client.post("/predict", {}, headers={**headers, "origin": "http://evil.com"})
    assert foreign.status_code == 403


def test_two_tokens_are_none(served):
    client = Client(app.make(served, Access(None, TOKEN)))
    twice = [("authorization", f"Bearer {TOKEN}")] * 2
    assert client.get("/model", headers=twice).status_code == 401


@pytest.mark.parametrize("text", ["short", "with a space in it, long", "", "ümlaut-ümlaut-ümlaut"])
def test_a_token_that_is_none_is_refused(text, tmp_path):
    file = tmp_path / "token"
    file.write_text(text, "utf-8")
    for given, environment in ((file, {}), (None, {server.VARIABLE: text})):
        with pytest.raises(SpecError, match="at least 16 characters") as error:
            server.read_token(given, environment)
        assert not text or text not in str(error.value)


def test_a_token_comes_from_its_file_before_the_environment(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    assert server.read_token(file, {server.VARIABLE: "x" * 20}) == TOKEN
    assert server.read_token(None, {server.VARIABLE: "x" * 20}) == "x" * 20
    assert server.read_token(None, {}) is None
    for unreadable in (tmp_path / "absent", tmp_path):
        with pytest.raises(StoreError, match="token cannot be read"):
            server.read_token(unreadable, {})
    file.write_bytes(b"\xff\xfe" * 20)
    with pytest.raises(StoreError, match="token cannot be read"):
        server.read_token(file, {})


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"host": EVERYONE}, "lets other machines in.*--expose"),
        ({"host": "192.168.1.2", "token": TOKEN}, "lets other machines in.*--expose"),
        ({"expose": True}, "needs a token"),
        ({"host": EVERYONE, "expose": True}, "needs a token"),
        ({"host": "evil.com", "expose": True, "token": TOKEN}, "must be an IPv4 address"),
        ({"host": "::"}, "must be an IPv4 address"),
        ({"host": ""}, "must be an IPv4 address"),
    ],
)
def test_other_machines_are_let_in_only_on_purpose(how, message, tmp_path):
    with pytest.raises(SpecError, match=message):
        server.serve(tmp_path / "no model is read before", "airline", **how)


def test_the_description_has_no_secret(served):
    client = Client(app.make(served, Access(None, TOKEN)))
    headers = {"authorization": f"Bearer {TOKEN}"}
    for path in ("/", "/model", "/openapi.json"):
        assert TOKEN not in client.get(path, headers=headers).text
    assert json.loads(client.get("/health").text) == {"status": "alive"}
