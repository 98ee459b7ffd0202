"""What stands before the routes: who may ask, under which name, how much and for how long."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from forecast.serving.refusal import Refusal, failure, shown

MAX_BODY = 5_000_000
MAX_BODIES = 100_000_000
"""Bytes of all bodies that wait for their answer."""
BODY_SECONDS = 10.0
REQUEST_SECONDS = 60.0
OPEN = ("/health", "/ready")
_WITH_BODY = ("POST", "PUT", "PATCH")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOG = logging.getLogger(__name__)
_ALWAYS = [
    (b"content-type", b"application/json"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Parameters
    ----------
    hosts : frozenset of str or None
        The exact names, with port, under which requests may come; None for any, where a token
        is asked for.
    token : str or None
    """

    hosts: frozenset[str] | None
    token: str | None = None


class Gate:
    """An ASGI application in front of another."""

    def __init__(self, app: App, access: Access) -> None:
        self._app = app
        self._access = access
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or say why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer, body = _Answer(send), bytearray()
        try:
            self._admit(scope)
            await self._read_in_time(scope, receive, body)
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._app(scope, _replay(bytes(body), receive), answer)
        except Refusal as refusal:
            await answer.refuse(refusal)
        except TimeoutError:
            await answer.refuse(Refusal(503, "server", "time is up. Ask for less, or later."))
        except Exception:
            _LOG.exception("a request failed")
            await answer.refuse(failure())
        finally:
            self._held -= len(body)

    # -- who --------------------------------------------------------------------------------------

    def _admit(self, scope: Scope) -> None:
        host = _only(scope, b"host")
        allowed = self._access.hosts
        if host is None or (allowed is not None and host not in allowed):
            raise Refusal(
                403, "Host", f"this server is not called {shown(host)}. Use the address it printed "
                "when it started."
            )  # fmt: skip
        origin = _all(scope, b"origin")
        if origin and origin != [f"http://{host}"]:
            raise Refusal(403, "Origin", "pages of another site may not ask here.")
        if self._access.token is not None and scope["path"] not in OPEN:
            self._check_token(_only(scope, b"authorization") or "")
        if scope["method"] in _WITH_BODY:
            _check_kind(scope)

    def _check_token(self, given: str) -> None:
        scheme, _, token = given.partition(" ")
        wanted = str(self._access.token).encode()
        same = hmac.compare_digest(token.strip().encode("latin-1", "replace"), wanted)
        if scheme.lower() != "bearer" or not same:
            raise Refusal(
                401, "Authorization", "the token is missing or wrong. Send: Authorization: Bearer "
                "TOKEN", {"WWW-Authenticate": "Bearer"},
            )  # fmt: skip

    # -- how much ---------------------------------------------------------------------------------

    async def _read_in_time(self, scope: Scope, receive: Receive, body: bytearray) -> None:
        length = _only(scope, b"content-length") or "0"
        if not length.isdigit() or int(length[:20]) > MAX_BODY:
            raise _too_large()
        if scope["method"] not in _WITH_BODY:
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await self._read(receive, body)
        except TimeoutError:
            message = f"did not come within {BODY_SECONDS:g} seconds. Send it faster."
            raise Refusal(408, "body", message, {"Connection": "close"}) from None

    async def _read(self, receive: Receive, body: bytearray) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise Refusal(400, "body", "ended before it was whole. Send it again.")
            part, more = message.get("body", b""), message.get("more_body", False)
            if len(body) + len(part) > MAX_BODY:
                raise _too_large()
            if self._held + len(part) > MAX_BODIES:
                raise Refusal(503, "server", "too much is sent at once. Try again soon.")
            body += part
            self._held += len(part)


class _Answer:
    """Where answers go, which remembers whether one has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        self._begun = True
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Say what is wrong; half an answer is left as it is, and the server cuts it off."""
        if self._begun:
            return
        body = refusal.body()
        named = [(key.lower().encode(), value.encode()) for key, value in refusal.headers.items()]
        headers = [*_ALWAYS, *named, (b"content-length", str(len(body)).encode())]
        await self({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read once more, then what else comes."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return messages.pop() if messages else await receive()

    return again


def _all(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _only(scope: Scope, name: bytes) -> str | None:
    """Return a header that came once; None where it did not come, or came twice."""
    found = _all(scope, name)
    return found[0] if len(found) == 1 else None


def _check_kind(scope: Scope) -> None:
    kind = (_only(scope, b"content-type") or "").lower()
    media, _, charset = (part.strip() for part in kind.partition(";"))
    if media != "application/json" or charset.replace('"', "") not in ("", "charset=utf-8"):
        raise Refusal(
            415, "Content-Type", f"must be application/json, given: {shown(kind or None)}."
        )
    if _all(scope, b"content-encoding"):
        raise Refusal(415, "Content-Encoding", "send the body as it is, not compressed.")


def _too_large() -> Refusal:
    message = f"is larger than {MAX_BODY:,} bytes. Send less at a time."
    return Refusal(413, "body", message)
