"""Data sets of benchmarks: from a folder, fetched from a publisher, or a fault that helps."""

from __future__ import annotations

import importlib.util
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "sources.py"


@pytest.fixture(scope="module")
def sources():
    spec = importlib.util.spec_from_file_location("sources", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def publisher(tmp_path):
    """Serve a file on loopback, as its publisher does."""
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "a.csv").write_text("y\n1\n", encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_what_is_in_the_folder_is_taken_plain_or_gzipped(sources, tmp_path):
    (tmp_path / "b.csv.gz").touch()
    assert sources.find("b.csv", tmp_path, {}) == tmp_path / "b.csv.gz"
    (tmp_path / "b.csv").touch()
    assert sources.find("b.csv", tmp_path, {}) == tmp_path / "b.csv"


def test_what_is_absent_is_fetched_once(sources, tmp_path, publisher):
    published = {"set/a.csv": f"{publisher}/a.csv"}
    found = sources.find("set/a.csv", tmp_path, published)
    assert found.read_text(encoding="utf-8") == "y\n1\n"
    assert list(found.parent.iterdir()) == [found]
    assert sources.find("set/a.csv", tmp_path, {}) == found


def test_what_cannot_be_had_is_named_and_nothing_is_left(sources, tmp_path, publisher):
    with pytest.raises(SystemExit, match=r"none\.csv is not there.*404.*--data"):
        sources.find("none.csv", tmp_path / "new", {"none.csv": f"{publisher}/none.csv"})
    assert list((tmp_path / "new").iterdir()) == []


def test_what_nobody_publishes_is_asked_for(sources, tmp_path):
    with pytest.raises(SystemExit, match=r"M3_Yearly\.csv is not there, and nobody.*--data"):
        sources.find("m3/M3_Yearly.csv", tmp_path)
    assert list(tmp_path.iterdir()) == []
