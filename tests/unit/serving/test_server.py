"""The command in a process of its own: port, names, slow clients, signals."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest
from serving_data import JSON
from typer.testing import CliRunner

from forecast.cli.app import app
from forecast.serving import server

SERVE = """
import sys
from forecast.serving import server
server.HEAD_SECONDS = 1.0
from forecast.cli.app import main
sys.argv = ["forecast", "serve", *sys.argv[1:]]
main()
"""


@pytest.fixture
def start(models, tmp_path):
    models["network"].save(tmp_path / "airline")
    started = []

    def start(*options):
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SERVE, "airline", *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ask(port, method, path, body=None, **headers):
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, {**JSON, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()


def received(connection):
    """Return all that comes until the other side closes."""
    with closing(connection):
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
        return b"".join(parts)


def test_it_serves_this_machine_until_it_is_told_to_stop(start, models):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        both = {number: start("--port", busy) for number in (signal.SIGINT, signal.SIGTERM)}
        ports = {}
        for number, process in both.items():
            assert f"Port {busy} is in use" in process.stdout.readline()
            line = process.stdout.readline()
            assert line.startswith("airline is served at http://127.0.0.1:")
            ports[number] = int(line.partition("127.0.0.1:")[2].split()[0])

    port = ports[signal.SIGTERM]
    status, answer = ask(port, "POST", "/predict", b'{"quantiles": [0.1, 0.9]}')
    assert status == 200
    found = [[row["0.1"], row["0.9"]] for row in json.loads(answer)["forecast"]]
    assert found == models["network"].predict(quantiles=[0.1, 0.9]).to_numpy().tolist()
    for host, expected in (
        (f"127.0.0.1:{port}", 200),
        (f"localhost:{port}", 200),
        ("127.0.0.1", 403),
        (f"evil.com:{port}", 403),
        ("10.evil.com", 403),
        ("192.168.evil.com", 403),
    ):
        assert ask(port, "GET", "/model", Host=host)[0] == expected
    assert ask(port, "POST", "/predict", b"{}", Origin="http://evil.com")[0] == 403

    # A connection that says nothing, one that never ends its head, and one that is no HTTP.
    silent, slow, strange = (socket.create_connection(("127.0.0.1", port), 30) for _ in range(3))
    began = time.monotonic()
    slow.sendall(b"GET /health HTTP/1.1\r\nHost: ")
    strange.sendall(b"\x16\x03\x01 HELO\r\n\r\n")
    assert received(strange).startswith(b"HTTP/1.1 400")
    assert received(silent) == b""
    assert received(slow) == b""
    assert time.monotonic() - began < 25
    # A body in chunks is counted as it comes, whatever its head says.
    chunked = socket.create_connection(("127.0.0.1", port), 30)
    chunked.sendall(
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" % port
    )
    chunked.sendall(b"186A0\r\n" + b" " * 100_000 + b"\r\n")
    for _ in range(50):
        chunked.sendall(b"186A0\r\n" + b" " * 100_000 + b"\r\n")
    assert received(chunked).startswith(b"HTTP/1.1 413")
    # A flood of headers is cut off by the parser.
    flood = b"".join(b"X-%d: %s\r\n" % (k, b"a" * 1_000) for k in range(1_000))
    flooded = socket.create_connection(("127.0.0.1", port), 30)
    flooded.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % port + flood[:100_000])
    assert received(flooded).startswith(b"HTTP/1.1 400")
    assert ask(port, "GET", "/health") == (200, b'{"status": "alive"}')

    for number, process in both.items():
        process.send_signal(number)
        told, errors = process.communicate(timeout=30)
        assert (process.returncode, told) == (0, "The server has stopped.\n")
        assert "Traceback" not in errors
        with pytest.raises(ConnectionRefusedError):
            ask(ports[number], "GET", "/health")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "192.168.1.2"], "--expose"),
        (["--expose"], "needs a token"),
        (["--token-file", "absent"], "token cannot be read"),
        (["--store", "elsewhere"], "no store"),
    ],
)
def test_what_cannot_be_served_ends_with_status_2(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(server.VARIABLE, raising=False)
    if "--store" not in options:
        (tmp_path / "airline").mkdir()
    result = CliRunner().invoke(app, ["serve", "airline", *options])
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_connections_are_bounded():
    settings = server._settings(None, "127.0.0.1", 8000)
    assert settings.limit_concurrency == server.CONNECTIONS
    assert settings.timeout_keep_alive <= 10
    assert settings.host == "127.0.0.1"
