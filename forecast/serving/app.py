"""The routes: what is asked where, and what is answered."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from forecast import __version__
from forecast.serving import page
from forecast.serving.gate import Access, App, Gate
from forecast.serving.question import Fresh, Question, read
from forecast.serving.refusal import Refusal, failure, packed
from forecast.serving.served import Served
from forecast.serving.worker import Worker

_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def make(served: Served, access: Access, worker: Worker | None = None) -> App:
    """Return the ASGI application that serves a model.

    Parameters
    ----------
    served : Served
    access : Access
    worker : Worker, optional
        What computes; one of its own by default.
    """
    # The documentation pages of FastAPI load scripts from elsewhere; ours at / loads nothing.
    app = FastAPI(
        title=f"forecast: {served.name}",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    _add_routes(app, served, worker or Worker())
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(Exception, _failed)
    return Gate(app, access)


def _add_routes(app: FastAPI, served: Served, worker: Worker) -> None:
    @app.get("/health", summary="The server lives")
    async def health() -> Response:
        return _json({"status": "alive"})

    @app.get("/ready", summary="A question would be taken; 503 while too many wait")
    async def ready() -> Response:
        return _json({"status": "busy"}, 503) if worker.full else _json({"status": "ready"})

    @app.get("/model", summary="Kind, horizon, columns, last date")
    async def model() -> Response:
        return _json(served.describe())

    @app.get("/", summary="A page that says how to ask", response_class=HTMLResponse)
    async def home(request: Request) -> Response:
        text = page.html(served.describe(), served.example(), str(request.base_url))
        return HTMLResponse(text, headers={**_SAFE, "Content-Security-Policy": page.POLICY})

    asks = _body(Question, served.example())

    @app.post("/predict", summary="Forecast; what the server knows stays", openapi_extra=asks)
    async def predict(request: Request) -> Response:
        body = await request.body()
        return await worker.run(lambda: _json(served.answer(read(body, Question))))

    @app.post(
        "/update",
        summary="Know observations from now on, in memory alone; weights stay",
        openapi_extra=_body(Fresh, None),
    )
    async def update(request: Request) -> Response:
        body = await request.body()
        return await worker.run(lambda: _json(served.update(read(body, Fresh))))


def _json(answer: Any, status: int = 200) -> Response:
    return Response(packed(answer), status, _SAFE, media_type="application/json")


def _body(form: type[Question] | type[Fresh], example: Any) -> dict[str, Any]:
    """Describe a body, which is read by rules stricter than FastAPI's."""
    content: dict[str, Any] = {"schema": form.model_json_schema()}
    if example is not None:
        content["example"] = example
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _refused(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refusal):
        raise refusal
    headers = {**_SAFE, **refusal.headers}
    return Response(refusal.body(), refusal.status, headers, media_type="application/json")


def _failed(request: Request, _error: Exception) -> Response:
    return _refused(request, failure())  # the gate, which it reaches next, puts it into the log


def _unknown(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    known = "GET / says what there is."
    said = {404: f"there is nothing here. {known}", 405: f"not with this method. {known}"}
    message = said.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    return _refused(request, Refusal(error.status_code, "path", message, headers))
