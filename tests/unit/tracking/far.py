"""A tracking server that can be killed and come back, and a line to it that can be cut."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from forecast.tracking import Store, _mlflow, ui
from forecast.tracking._sending import ORIGIN, SENT


class FarServer:
    """A real server, which keeps artifacts itself as one on another machine would."""

    def __init__(self, root: Path) -> None:
        self.store = Store.beside(root)
        self.port = ui.free_port(0)
        self.url = f"http://{ui.HOST}:{self.port}"
        self.seen = Store(self.url, root)

    def start(self) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  (until it is killed)
        address = f"{ui.HOST}:{self.port}"
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--serve-artifacts", "--workers", "1"),
            *("--backend-store-uri", self.store.uri),
            *("--artifacts-destination", self.store.artifacts.as_uri()),
            *("--host", ui.HOST, "--port", str(self.port), "--allowed-hosts", address),
        ]
        process = subprocess.Popen(
            command,
            env={**os.environ, **_mlflow.ENVIRONMENT, **ui._LEAN},
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.server = ui.Server(process, self.url, self.log)
        self.server.wait_until_it_answers()

    def kill(self) -> None:
        ui._end_group(self.server.process, 9)
        self.server.process.wait()
        self.log.close()


class Line:
    """A proxy before the server: the n-th request is the last one that gets through.

    Cut before it, the server never hears of it; cut after it, the server does what it is told
    and nobody hears the answer.
    """

    def __init__(self, port: int) -> None:
        self.requests: list[str] = []
        self.last: int | None = None
        self.heard = False
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return lambda: line.pass_on(self, port)
                raise AttributeError(name)

            def log_message(self, *_: object) -> None:
                pass

        self._proxy = ThreadingHTTPServer((ui.HOST, 0), Handler)
        self._proxy.daemon_threads = True
        self.url = f"http://{ui.HOST}:{self._proxy.server_port}"
        self._thread = threading.Thread(target=self._proxy.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._proxy.shutdown()
        self._proxy.server_close()
        self._thread.join()

    def cut(self, after: int, *, heard: bool) -> None:
        self.requests, self.last, self.heard = [], after, heard

    def mend(self) -> None:
        self.requests, self.last = [], None

    def pass_on(self, handler: BaseHTTPRequestHandler, port: int) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if handler.headers.get("Transfer-Encoding") == "chunked":
            body = _unchunked(handler.rfile)
        self.requests.append(f"{handler.command} {handler.path}")
        is_cut = self.last is not None and len(self.requests) > self.last
        if is_cut and not (self.heard and len(self.requests) == self.last + 1):
            handler.close_connection = True
            return
        connection = HTTPConnection(ui.HOST, port, timeout=30)
        headers = {
            key: value
            for key, value in handler.headers.items()
            if key not in ("Host", "Connection", "Transfer-Encoding", "Content-Length")
        }
        connection.request(handler.command, handler.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if is_cut:
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in ("connection", "transfer-encoding", "content-length"):
                handler.send_header(key, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


def _unchunked(stream) -> bytes:
    parts = []
    while size := int(stream.readline().split(b";")[0], 16):
        parts.append(stream.read(size))
        stream.readline()
    stream.readline()
    return b"".join(parts)


def told(store: Store, experiment: str) -> list[dict]:
    """Return all that a store knows of an experiment, without the keys that are its own."""
    client = store.client()
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return []
    runs = client.search_runs([found.experiment_id], order_by=["attributes.start_time"])
    runs = [client.get_run(run.info.run_id) for run in runs]
    names = {run.info.run_id: run.info.run_name for run in runs}
    return [_run(client, run, names) for run in runs]


def _run(client, run, names) -> dict:
    tags = {k: v for k, v in run.data.tags.items() if k not in (ORIGIN, SENT)}
    parent = tags.pop("mlflow.parentRunId", None)
    key = run.info.run_id
    histories = {
        name: sorted(
            (point.timestamp, point.step, repr(point.value))
            for point in client.get_metric_history(key, name)
        )
        for name in run.data.metrics
    }
    inputs = [
        (entry.dataset.to_dictionary(), {tag.key: tag.value for tag in entry.tags})
        for entry in run.inputs.dataset_inputs
    ]
    return {
        "parent": names.get(parent, parent),
        "info": (run.info.run_name, run.info.status, run.info.start_time, run.info.end_time),
        "tags": tags,
        "params": run.data.params,
        "metrics": histories,
        "data": inputs,
        "files": _files(client, client.list_artifacts, client.download_artifacts, key),
        "models": [_model(client, out.model_id, key) for out in run.outputs.model_outputs],
    }


def _model(client, key, run) -> dict:
    model = client.get_logged_model(key)
    own = {model.artifact_location: "PLACE", key: "MODEL", run: "RUN"}
    with tempfile.TemporaryDirectory() as folder, _mlflow.calls(client.uri):
        local = Path(
            _mlflow.module("mlflow.artifacts").download_artifacts(
                artifact_uri=model.artifact_location, dst_path=folder, tracking_uri=client.uri
            )
        )
        files = {}
        for path in sorted(local.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                if path.name == "MLmodel":
                    for old, new in own.items():
                        content = content.replace(old.encode(), new.encode())
                files[path.relative_to(local).as_posix()] = hashlib.sha256(content).hexdigest()
    versions = [
        (
            version.name,
            sorted(client.get_registered_model(version.name).aliases),
            {k: v for k, v in version.tags.items() if k not in (ORIGIN, "forecast.made")},
        )
        for version in client.search_model_versions(f"run_id = '{run}'")
    ]
    link = json.loads(model.tags.get("mlflow.modelVersions", "[]"))
    return {
        "about": (model.name, model.model_type, str(model.status), model.params),
        "metrics": sorted((m.key, m.value, m.timestamp, m.step) for m in model.metrics),
        "files": files,
        "versions": versions,
        "links": [entry["name"] for entry in link],
    }


def _files(client, listed, download, run) -> dict[str, str]:
    found = {}
    folders = [""]
    with tempfile.TemporaryDirectory() as place:
        while folders:
            for entry in listed(run, folders.pop() or None):
                if entry.is_dir:
                    folders.append(entry.path)
                else:
                    local = Path(download(run, entry.path, place))
                    found[entry.path] = hashlib.sha256(local.read_bytes()).hexdigest()
    return found
