"""What can be asked: JSON, read strictly, and checked before any model sees it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from forecast import registry
from forecast.serving.refusal import Refusal, shown

MAX_STEPS = 10_000
MAX_LEVELS = 99
_DIGITS = 400  # no number of more digits is finite

Row = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {"type": "object", "additionalProperties": {"type": ["number", "string", "null"]}}
    ),
]
Level = Annotated[float, Field(gt=0, lt=1)]


class Question(BaseModel):
    """A forecast, please."""

    model_config = ConfigDict(extra="forbid", strict=True)

    steps: Annotated[int, Field(ge=1, le=MAX_STEPS)] | None = Field(
        None, description="Steps ahead; the model's horizon, or the rows of inputs, if absent."
    )
    quantiles: list[Level] = Field(
        [], max_length=MAX_LEVELS, description="Ascending levels between 0 and 1."
    )
    inputs: list[Row] = Field(
        [], description="A row a step ahead (and series): its date, and the inputs known ahead."
    )
    observations: list[Row] = Field(
        [],
        description="Rows after the last that the model knows: date, targets, inputs. The forecast "
        "continues after them; the next request does not know them.",
    )


class Fresh(BaseModel):
    """Rows that the server shall know from now on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    observations: list[Row] = Field(
        min_length=1, description="Rows after the last that the model knows."
    )


Asked = TypeVar("Asked", bound=BaseModel)


def read(body: bytes, form: type[Asked]) -> Asked:
    """Return what a body asks.

    Raises
    ------
    Refusal
        400 for what is no JSON, 422 for JSON that asks nothing we can answer.
    """
    parsed = _parsed(body)
    _check_shape(parsed, form)
    try:
        return form.model_validate(parsed)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Refusal(422, _place(first["loc"]), _said(first)) from None


def _check_shape(parsed: Any, form: type[BaseModel]) -> None:
    """Stop at the first thing that is strange, for pydantic would list a million of them."""
    if not isinstance(parsed, dict):
        raise Refusal(422, "body", f"must be one JSON object, given: {shown(parsed)}. Send {{}}.")
    for name, value in parsed.items():
        if name not in form.model_fields:
            hint = registry.suggest(name[:100], list(form.model_fields))
            raise Refusal(422, shown(name), f"there is no such key. {hint}")
        if not isinstance(value, list):
            continue
        kind = float | int if name == "quantiles" else dict
        for place, item in enumerate(value):
            if not isinstance(item, kind):
                wanted = "a number" if name == "quantiles" else "an object, one row"
                message = f"must be {wanted}, given: {shown(item)}."
                raise Refusal(422, f"{name}[{place}]", message)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"),
            parse_float=_finite,
            parse_int=_whole,
            parse_constant=_infinite,
            object_pairs_hook=_unique,
        )
    except UnicodeDecodeError as error:
        raise Refusal(400, "body", f"is not UTF-8 at byte {error.start}. Encode it so.") from None
    except RecursionError:
        raise Refusal(400, "body", "is nested too deep. Send one object.") from None
    except ValueError as error:
        raise Refusal(400, "body", f"is no JSON: {error}. Send one JSON object.") from None


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _infinite(text)


def _whole(text: str) -> int:
    # As a float: a text too large for one is infinite, where an integer would be an error.
    return int(text) if len(text) <= _DIGITS and math.isfinite(float(text)) else _infinite(text)


def _infinite(text: str) -> NoReturn:
    raise Refusal(
        422, "body", f"holds a number that is not finite: {shown(text)}. Send null for a gap."
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Refusal(422, "body", f"holds the key {shown(twice)} twice in an object. Keep one.")
    return found


def _place(loc: tuple[int | str, ...]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return text.removeprefix(".")[:100] or "body"


def _said(entry: Mapping[str, Any]) -> str:
    if entry["type"] == "missing":
        return "is missing. Add it."
    wanted = str(entry["msg"]).replace("Input should", "must").replace("List should", "must")
    return f"{wanted}, given: {shown(entry['input'])}."
