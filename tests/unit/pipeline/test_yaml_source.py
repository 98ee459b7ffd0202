"""The narrow YAML: what is read, and what is refused with its line."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.errors import SpecError
from forecast.pipeline import yaml_source


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
