"""What nobody should send: each is turned away by its name, and the server lives on."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from serving_data import ADDRESS, JSON

from forecast.estimators.baselines.naive import Naive
from forecast.serving import gate

LARGE = gate.MAX_BODY + 1


def deep(levels, opening="[", closing="]"):
    return (opening * levels + closing * levels).encode()


def row(**changes):
    return {"month": "2024-01-01", "passengers": 1.0, **changes}


def asked(**question):
    return json.dumps(question).encode()


def with_number(text):
    return asked(observations=[row(passengers=7.5)]).replace(b"7.5", text)


# Bodies of /predict, and the status that each deserves.
BODIES = {
    "nothing": (b"", 400),
    "half an object": (b'{"steps": 1', 400),
    "no JSON": (b"steps=1", 400),
    "a list": (b"[]", 422),
    "null": (b"null", 422),
    "a number": (b"7", 422),
    "a text": (b'"steps"', 422),
    "an array too deep": (deep(200_000), 400),
    "objects too deep": (deep(100_000, '{"a":', "}"), 400),
    "a bomb in a row": (b'{"observations":[{"month":' + deep(400) + b"}]}", 422),
    "rows that are lists": (asked(observations=[[1]]), 422),
    "a row within a row": (asked(observations=[row(passengers={"a": 1})]), 422),
    "too large": (b" " * LARGE, 413),
    "large and wrong": (b'{"steps":' + b"9" * 1_000_000 + b"}", 422),
    "a million keys": (b"{" + b",".join(b'"%d":1' % k for k in range(400_000)) + b"}", 422),
    "a million rows that are none": (b'{"observations":[' + b"1," * 1_000_000 + b"1]}", 422),
    "a million levels": (b'{"quantiles":[' + b"0.5," * 1_000_000 + b"1]}", 422),
    "a million words": (b'{"quantiles":[' + b'"a",' * 1_000_000 + b"1]}", 422),
    "a million empty rows": (b'{"observations":[' + b"{}," * 1_000_000 + b"{}]}", 422),
    "not UTF-8": (b'{"steps": "\xff"}', 400),
    "UTF-16": ('{"steps": 1}'.encode("utf-16"), 400),
    "a byte order mark": ('\ufeff{"steps": 1}'.encode(), 400),
    "a surrogate": (b'{"\\ud800": 1}', 422),
    "a surrogate for a number": (b'{"steps": "\\udfff"}', 422),
    "NUL": (b'{"steps": 1\x00}', 400),
    "NUL in a name": (asked(**{"a\0b": 1}), 422),
    "NaN": (b'{"quantiles": [NaN]}', 422),
    "infinity": (b'{"quantiles": [Infinity]}', 422),
    "minus infinity": (with_number(b"-Infinity"), 422),
    "infinite in digits": (with_number(b"1e999"), 422),
    "an integer beyond floats": (with_number(b"1" + b"0" * 320), 422),
    "an endless integer": (b'{"steps": ' + b"9" * 5_000 + b"}", 422),
    "a key twice": (b'{"steps": 1, "steps": 2}', 422),
    "a key twice in a row": (b'{"observations": [{"month": "a", "month": "b"}]}', 422),
    "an unknown key": (asked(step=1), 422),
    "a magic key": (asked(__class__="os.system"), 422),
    "no steps": (asked(steps=0), 422),
    "negative steps": (asked(steps=-3), 422),
    "a thousand million steps": (asked(steps=10**9), 422),
    "half a step": (asked(steps=1.5), 422),
    "steps in words": (asked(steps="12"), 422),
    "steps that are true": (asked(steps=True), 422),
    "steps in a list": (asked(steps=[12]), 422),
    "a level of nought": (asked(quantiles=[0.0]), 422),
    "a level above one": (asked(quantiles=[1.5]), 422),
    "a level in words": (asked(quantiles=["0.5"]), 422),
    "descending levels": (asked(quantiles=[0.9, 0.1]), 422),
    "a thousand levels": (asked(quantiles=[k / 1001 for k in range(1, 1001)]), 422),
    "levels for a list": (asked(quantiles=0.5), 422),
    "an answer too large": (asked(steps=6_000, quantiles=[k / 100 for k in range(1, 99)]), 422),
    "inputs for a model without": (asked(inputs=[{"month": "2024-01-01", "warm": 1}]), 422),
    "a row without a date": (asked(observations=[{"passengers": 1}]), 422),
    "a row without a target": (asked(observations=[{"month": "2024-01-01"}]), 422),
    "an unknown column": (asked(observations=[row(fuel=1)]), 422),
    "a target in words": (asked(observations=[row(passengers="1")]), 422),
    "a target that is true": (asked(observations=[row(passengers=True)]), 422),
    "a date that is none": (asked(observations=[row(month="soon")]), 422),
    "today": (asked(observations=[row(month="today")]), 422),
    "30 February": (asked(observations=[row(month="2024-02-30")]), 422),
    "a date in numbers": (asked(observations=[row(month=20240101)]), 422),
    "no date": (asked(observations=[row(month=None)]), 422),
    "the year 0": (asked(observations=[row(month="0000-01-01")]), 422),
    "the year 99999": (asked(observations=[row(month="99999-01-01")]), 422),
    "the year 9999": (asked(observations=[row(month="9999-12-01")]), 422),
    "the past": (asked(observations=[row(month="2023-12-01")]), 422),
    "a gap": (asked(observations=[row(month="2024-02-01")]), 422),
    "another zone": (asked(observations=[row(month="2024-01-01T00:00:00+02:00")]), 422),
    "mixed zones": (
        asked(observations=[row(), row(month="2024-02-01T00:00:00+02:00")]), 422,
    ),
    "a date from right to left": (asked(observations=[row(month="\u202e2024-01-01")]), 422),
    "Arabic digits": (asked(observations=[row(month="\u0662\u0660\u0662\u0664-01-01")]), 422),
    "a formula": (asked(observations=[row(month="=cmd|' /C calc'!A0")]), 422),
    "a path": (asked(observations=[row(month="../../etc/passwd")]), 422),
}  # fmt: skip


@pytest.fixture(scope="module")
def model(models):
    return models["network"]


def assert_said(answer, status, client):
    """One error of ours, without a trace; and the next question is answered."""
    assert answer.status_code == status, answer.text[:500]
    error = answer.json()["error"]
    assert set(error) == {"where", "message"}
    assert 0 < len(error["where"] + error["message"]) < 2_000
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    assert client.get("/health").json() == {"status": "alive"}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", ["/predict", "/update"])
def test_bodies(path, body, model, client_of):
    client = client_of(model)
    before = client.get("/model").json()
    content, status = BODIES[body]
    answer = client.post(path, body=content)
    assert_said(answer, status, client)
    assert client.get("/model").json() == before


def test_a_body_in_pieces_is_counted_as_it_comes(model, client_of):
    pieces = []

    async def endless():
        while True:
            pieces.append(1)
            yield b" " * 100_000

    client = client_of(model)
    answer = client.request("POST", "/predict", content=endless(), headers=JSON)
    assert_said(answer, 413, client)
    assert len(pieces) <= 1 + gate.MAX_BODY // 100_000


PATHS = [
    "", "/..", "/../", "/../etc/passwd", "/../../etc/passwd", "/../../../../../../etc/passwd",
    "/./predict", "//predict", "/predict/", "/predict/..", "/predict/../model", "/predict//",
    "/%2e%2e/etc/passwd", "/%2e%2e%2fetc%2fpasswd", "/..%2f..%2fetc%2fpasswd",
    "/%252e%252e%252fetc%252fpasswd", "/..%5c..%5cwindows%5cwin.ini", "/..\\..\\win.ini",
    "/%c0%ae%c0%ae/etc/passwd", "/%00", "/model%00.json", "/model/%00", "/%0d%0aX: 1",
    "/etc/passwd", "/file:///etc/passwd", "/C:/windows/win.ini", "/model.json",
    "/arrays.safetensors", "/static/", "/static/../model.json", "/docs", "/redoc",
    "/openapi.json/", "/openapi.json/..", "/.git/config", "/.env", "/metrics", "/invocations",
    "/admin", "/~root", "/health/../../etc/shadow", "/%E2%80%AEgnp", "/%C3%A9", "/predict%20",
    "/predict;/../model", "/PREDICT", "/" + "a" * 60_000,
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_paths(method, path, model, client_of):
    client = client_of(model)
    assert_said(client.raw(method, path), 404, client)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "BREW"])
def test_methods(method, model, client_of):
    client = client_of(model)
    answer = client.request(method, "/predict", headers=JSON)
    assert answer.status_code == 405
    assert client.get("/health").status_code == 200


HEADERS = {
    "a name of another": ({"host": "evil.com"}, 403),
    "a name that begins like an address": ({"host": "127.0.0.1.evil.com"}, 403),
    "a name with our port": ({"host": "evil.com:8000"}, 403),
    "a name that ends like an address": ({"host": "evil.127.0.0.1:8000"}, 403),
    "a private name": ({"host": "10.evil.com"}, 403),
    "our name without the port": ({"host": "127.0.0.1"}, 403),
    "our name with another port": ({"host": "127.0.0.1:8001"}, 403),
    "a user before it": ({"host": f"evil.com@{ADDRESS}"}, 403),
    "a path behind it": ({"host": f"{ADDRESS}/evil"}, 403),
    "two in one": ({"host": f"{ADDRESS}, evil.com"}, 403),
    "no name": ({"host": ""}, 403),
    "the address of all": ({"host": "0.0.0.0:8000"}, 403),
    "a page of another site": ({"origin": "http://evil.com"}, 403),
    "a page of nowhere": ({"origin": "null"}, 403),
    "a page of another port": ({"origin": "http://127.0.0.1:3000"}, 403),
    "a form": ({"content-type": "application/x-www-form-urlencoded"}, 415),
    "plain text, which no page must ask leave to send": ({"content-type": "text/plain"}, 415),
    "JSON in name": ({"content-type": "application/json-evil"}, 415),
    "JSON in another encoding": ({"content-type": "application/json; charset=utf-16"}, 415),
    "no type": ({"content-type": ""}, 415),
    "a compressed body": ({"content-encoding": "gzip"}, 415),
    "a length beyond all": ({"content-length": "9" * 30}, 413),
    "a negative length": ({"content-length": "-1"}, 413),
    "a length in words": ({"content-length": "ten"}, 413),
}


@pytest.mark.parametrize("headers", HEADERS)
def test_headers(headers, model, client_of):
    client = client_of(model)
    changed, status = HEADERS[headers]
    answer = client.post("/predict", body=b"{}", headers={**JSON, **changed})
    assert_said(answer, status, client)


def test_two_names_are_none(model, client_of):
    client = client_of(model)
    for second in (ADDRESS, "evil.com"):
        answer = client.get("/model", headers=[("host", ADDRESS), ("host", second)])
        assert_said(answer, 403, client)


def test_what_browsers_of_this_machine_send_is_taken(model, client_of):
    client = client_of(model)
    for host in (ADDRESS, "localhost:8000"):
        headers = {"content-type": 'Application/JSON; charset="UTF-8"', "origin": f"http://{host}"}
        answer = client.post("/predict", body=b"{}", host=host, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_many_headers_and_much_in_them_change_nothing(model, client_of):
    client = client_of(model)
    flood = [("x-flood", "a" * 1_000)] * 1_000 + [("cookie", "é" * 9_999)]
    flood = [(key, value.encode("latin-1")) for key, value in flood]
    assert client.get("/health", headers=flood).status_code == 200
    answer = client.get("/model?" + "a=1&" * 10_000, headers=flood)
    assert answer.status_code == 200


FAR_INPUTS = {
    "none at all": {},
    "none for a step": {"inputs": []},
    "other dates": {"inputs": [{"month": "1999-01-01", "warm": 1.0}]},
    "more steps than rows": {"steps": 5, "inputs": [{"month": "2024-01-01", "warm": 1.0}]},
    "a row twice": {"inputs": [{"month": "2024-01-01", "warm": 1.0}] * 2},
    "no numbers": {"inputs": [{"month": "2024-01-01", "warm": None}]},
    "a number too few": {"inputs": [{"month": "2024-01-01"}]},
    "a past one in one row alone": {
        "inputs": [
            {"month": "2024-01-01", "warm": 1.0, "rain": 2.0},
            {"month": "2024-02-01", "warm": 1.0},
        ]
    },
    "the target": {"inputs": [{"month": "2024-01-01", "warm": 1.0, "passengers": 3.0}]},
}


@pytest.mark.parametrize("question", FAR_INPUTS)
def test_inputs_that_are_not_those_of_the_steps_ahead(question, models, client_of):
    client = client_of(models["inputs"])
    assert_said(client.post("/predict", FAR_INPUTS[question]), 422, client)


OF_PANELS = {
    "an unknown series": [{"shop": "c", "month": "2024-01-01", "passengers": 1.0}],
    "no series": [{"month": "2024-01-01", "passengers": 1.0}],
    "a list for a series": [{"shop": ["a"], "month": "2024-01-01", "passengers": 1.0}],
    "a case twin": [{"shop": "A", "month": "2024-01-01", "passengers": 1.0}],
    "a path": [{"shop": "../../etc", "month": "2024-01-01", "passengers": 1.0}],
    "markup": [{"shop": "<img src=x onerror=alert(1)>", "month": "2024-01-01", "passengers": 1.0}],
    "a gap in one of them": [
        {"shop": "a", "month": "2024-01-01", "passengers": 1.0},
        {"shop": "b", "month": "2024-02-01", "passengers": 1.0},
    ],
}


@pytest.mark.parametrize("observations", OF_PANELS)
def test_rows_of_series_that_do_not_come_next(observations, models, client_of):
    client = client_of(models["panel"])
    answer = client.post("/predict", {"observations": OF_PANELS[observations]})
    assert_said(answer, 422, client)


def test_labels_of_a_model_that_counts_its_rows(models, client_of):
    client = client_of(models["numbers"])
    for time in ("77", 76, 78, True, 77.0, 10**400):
        rows = [{"time": time, "y": 1.0}]
        assert_said(client.post("/predict", {"observations": rows}), 422, client)
    assert client.post("/predict", {"observations": [{"time": 77, "y": 1.0}]}).status_code == 200


def test_steps_past_the_calendar(client_of):
    years = pd.Series(np.arange(30.0), pd.date_range("1990", periods=30, freq="YS"))
    client = client_of(Naive(2).fit(y=years))
    assert_said(client.post("/predict", {"steps": 10_000}), 422, client)
    rows = client.post("/predict", {"steps": 7_980}).json()["forecast"]
    assert rows[-1]["time"] == "9999-01-01"
