"""Secrets kept out of what people and stores get to see: errors, reports, records."""

from __future__ import annotations

import os
import re

_STARS = "***"

# The name and password before the last @ of an address. These schemes have none: the @ in
# models:/airline@champion is an alias, that in a path is part of a name.
_ADDRESS = re.compile(
    r"\b(?!models:|runs:|file:|sqlite:)([a-z][a-z0-9+.-]*:/{1,3})([^\s'\"]*)@", re.IGNORECASE
)
# A name is shown beside its password. A longer one is no name but a token.
_NAME = re.compile(r"([\w.-]{1,16}):")
_SETTING = re.compile(
    r"((?:password|passwd|secret|token|api_?key|access_?key|signature|credential|\bsig|\bpwd)"
    r"[\w.-]*=)[^\s&;,'\")]+",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"(password|passwd|secret|token|_key|_key_id)$", re.IGNORECASE)


def masked(text: str) -> str:
    """Return a text without the secrets in it.

    Those are the name and password in an address, the value after a name such as ``password=``,
    and the values of environment variables that are called so.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> masked("postgresql://me:pa55@db/runs?sslpassword=pa55")
    'postgresql://me:***@db/runs?sslpassword=***'
    >>> masked("models:/airline@champion")
    'models:/airline@champion'
    """
    for value in _known():
        text = text.replace(value, _STARS)
    return _SETTING.sub(rf"\1{_STARS}", _ADDRESS.sub(_hidden, text))


def _hidden(found: re.Match[str]) -> str:
    name = _NAME.match(found[2])
    return f"{found[1]}{name[0] if name else ''}{_STARS}@"


def _known() -> list[str]:
    """Return the secrets in the environment, the longest first."""
    values = {value for key, value in os.environ.items() if _VARIABLE.search(key)}
    # A plain word, a number and a path to a key may stand anywhere, and give nothing away.
    return sorted((value for value in values if _is_telling(value)), key=len, reverse=True)


def _is_telling(value: str) -> bool:
    plain = value.isalpha() or value.isdigit() or value.startswith(("/", "~", "."))
    return len(value) >= 8 and not plain
