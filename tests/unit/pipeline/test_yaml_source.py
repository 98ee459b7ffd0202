"""The narrow YAML: what is read, and what is refused with its line."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.errors import SpecError
from forecast.pipeline import yaml_source

REFUSED = {
    "empty": ("", "a.yaml: is empty"),
    "comment only": ("# nothing\n", "a.yaml: is empty"),
    "a list": ("- 1\n", "a.yaml: must hold `key: value` lines"),
    "a word": ("just text", "a.yaml: must hold `key: value` lines"),
    "doubled key": ("a: 1\nb: 2\na: 3", "a.yaml:3: the key 'a' stands twice"),
    "doubled key below": ("m:\n  a: 1\n  a: 2", "a.yaml:3: the key 'a' stands twice"),
    "anchor": ("a: &x 1\nb: 2", "a.yaml:1: anchors and aliases"),
    "alias": ("a: 1\nb: *x", "a.yaml:2: anchors and aliases"),
    "python tag": ("a: !!python/object/apply:os.system [ls]", "a.yaml:1: the tag"),
    "own tag": ("a: 1\nb: !mine 2", "a.yaml:2: the tag '!mine'"),
    "core tag": ("a: !!str 1", "a.yaml:1: the tag"),
    "two documents": ("a: 1\n---\nb: 2", "a.yaml:2: not readable as YAML: holds several documents"),
    "deep list": ("a: " + "[" * 5000, "a.yaml:1: nested deeper than 20"),
    "deep mapping": ("a: " + "{a: " * 25 + "1" + "}" * 25, "a.yaml:1: nested deeper than 20"),
    "long integer": ("a: 1\nb: " + "9" * 5000, "a.yaml:2: an integer of 5000 digits"),
    "tab": ("a:\n\t- b", "a.yaml:2: not readable as YAML"),
    "unclosed": ("a: [1,\n", "a.yaml:2: not readable as YAML"),
    "list as key": ("? [a]\n: 1", "a.yaml:1: a key must be one word"),
    "NUL": ("a: \0", "a.yaml: not readable as YAML"),
    "two colons": ("a: b: c", "a.yaml:1: not readable as YAML"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_fault_is_told_with_its_line(name):
    text, message = REFUSED[name]
    with pytest.raises(SpecError) as caught:
        yaml_source.parse(text, "a.yaml")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.5E2", 150.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("12", 12),
        ("+3", 3),
        ("010", 10),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("no", "no"),
        ("on", "on"),
        ("12:30:00", "12:30:00"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("1.10", 1.1),
    ],
)
def test_scalars_are_what_they_look_like(text, value):
    read = yaml_source.parse(f"a: {text}").content["a"]
    assert read == value
    assert type(read) is type(value)


def test_nan_is_a_number():
    assert math.isnan(yaml_source.parse("a: .nan").content["a"])


def test_places_are_lines_of_keys():
    document = yaml_source.parse("a: 1\nb:\n  c:\n    - x\n    - y: 2\n", "f.yaml")
    assert document.place(("b", "c", 1, "y")) == "f.yaml:5"
    assert document.place(("b", "c", 0)) == "f.yaml:4"
    assert document.place(("b", "unknown", "deep")) == "f.yaml:2"


def test_a_byte_order_mark_is_no_character(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert yaml_source.load(path).content == {"a": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"\xff\xfea\x00", "not UTF-8"),
        (b"#" * 1_000_001, "larger than 1,000,000 bytes"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, content, message):
    path = tmp_path / "a.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpecError, match=message):
        yaml_source.load(path)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(SpecError):
        yaml_source.parse(text)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("abcxyz", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text("abcxyz", min_size=1, max_size=3), PLAIN, min_size=1, max_size=3))
def test_json_is_read_as_json(values):
    assert yaml_source.parse(json.dumps(values)).content == values
