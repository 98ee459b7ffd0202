"""A headless Chromium, driven over two pipes in its own protocol; needs nothing installed."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"),
)
# The browser reads commands from descriptor 3 and writes answers to 4.
LAUNCH = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def found() -> str | None:
    """Return the path of a Chromium, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page in one browser; use it in a `with` block. `events` are what it told unasked."""

    def __init__(self, width: int = 1600, height: int = 1200) -> None:
        self._size = (width, height)
        self._number = 0
        self._session = ""
        self._read = b""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        program = found()
        if program is None:
            raise FileNotFoundError("there is no Chromium")
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        high_in = fcntl.fcntl(theirs_in, fcntl.F_DUPFD, 20)
        high_out = fcntl.fcntl(theirs_out, fcntl.F_DUPFD, 20)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", LAUNCH, str(high_in), str(high_out), program),
                *FLAGS,
                f"--user-data-dir={self._profile.name}",
                f"--window-size={self._size[0]},{self._size[1]}",
                "about:blank",
            ],
            pass_fds=(high_in, high_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for descriptor in (theirs_in, theirs_out, high_in, high_out):
            os.close(descriptor)
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def call(self, method: str, **params: Any) -> Any:
        """Send a command and return its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _next(self, patience: float = 60) -> dict[str, Any]:
        while b"\0" not in self._read:
            if not select.select([self._from], [], [], patience)[0]:
                raise TimeoutError("the browser does not answer")
            part = os.read(self._from, 1 << 16)
            if not part:
                raise RuntimeError("the browser has ended")
            self._read += part
        message, _, self._read = self._read.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def open(self, url: str) -> None:
        """Go to an address, as if from elsewhere: a page that routes by # would not reload."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']['text']}")
        return result["result"].get("value")

    def text(self) -> str:
        """Return what can be read on the page."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def wait(self, expression: str, patience: float = 40) -> Any:
        """Wait until an expression is true, and return it; the error shows the page."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            value = self.evaluate(expression)
            if value:
                return value
            time.sleep(0.1)
        raise TimeoutError(f"{expression} stayed false on this page:\n{self.text()}")

    def wait_for_text(self, *texts: str, patience: float = 40) -> None:
        """Wait until all these texts stand on the page."""
        for text in texts:
            self.wait(
                f"document.body && document.body.innerText.includes({json.dumps(text)})", patience
            )

    def click(self, selector: str) -> None:
        """Wait for the first element that a CSS selector finds, and click it."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.wait(f"Boolean({element})")
        self.evaluate(f"{element}.click()")

    def picture(self, path: Path) -> Path:
        """Write what can be seen as PNG."""
        shot = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))
        return path
