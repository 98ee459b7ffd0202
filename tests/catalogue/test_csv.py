"""Bad tables: 72 cases, each with the end it must come to.

A row is keyed by the number of its case and a name. `ERRORS` end with status 2 and a message with
the place, the value and the mend; `REPAIRS` are mended, said and counted; `NOTES` are told of and
left as they are. What needs more than a file is a function marked with `case`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import json
import os
import re
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from forecast import ECNN, files
from forecast.cli import show
from forecast.data import _csv_records
from forecast.data.csv_source import read_csv
from forecast.errors import DataError, SpecError
from forecast.pipeline import observations, record, yaml_source
from forecast.pipeline.spec import read as read_spec

MARKED = set()


def case(*numbers):
    """Say which cases a function shows."""
    MARKED.update(numbers)
    return lambda function: function


DAYS = [f"2020-01-{day:02d}" for day in range(1, 32)]


def table(*rows, header="ds,y", end="\n"):
    return end.join((header, *rows)) + end


def dated_from(start, *values):
    days = pd.date_range(start, periods=len(values)).strftime("%Y-%m-%d")
    return table(*(f"{day},{value}" for day, value in zip(days, values, strict=True)))


def dated(*values, header="ds,y"):
    return table(
        *(f"{day},{value}" for day, value in zip(DAYS, values, strict=False)), header=header
    )


GOOD = dated(1, 2, 3, 4)

# (case, name): (content, settings, words of the message; `:2:y:` is a place)
ERRORS = {
    # -- the file --
    (1, "empty"): ("", {}, ["data.csv: the file is empty", "Mend: give a header"]),
    (1, "blank"): ("\n \n\n", {}, ["the file is empty"]),
    (1, "nothing but quotes"): ('""\n""\n', {}, ["there is no header", "Mend: give a header"]),
    (2, "header only"): ("ds,y\n", {}, [":1:", "no row under it"]),
    (2, "header and blanks"): ("\nds,y\n\n\n", {}, [":2:", "no row under it"]),
    (4, "utf-16"): (
        GOOD.encode("utf-16"), {}, ["encoded as UTF-16", "Mend: save the file as UTF-8"]),
    (4, "utf-16 unmarked"): (GOOD.encode("utf-16-le"), {}, ["UTF-16"]),
    (4, "utf-32"): (GOOD.encode("utf-32"), {}, ["UTF-32"]),
    (5, "latin-1"): (
        table("2020-01-01,1", "é,2").encode("latin-1"), {}, [":3:", "0xe9", "Latin-1"]),
    (9, "nul"): (b"ds,y\n2020-01-01,1\n2020-01-02,\x002\n", {}, [":3:", "NUL byte"]),
    (4, "workbook"): (b"PK\x03\x04rest", {}, ["a workbook, not CSV"]),
    (23, "damaged gzip"): (gzip.compress(GOOD.encode())[:-9], {}, ["gzip file is damaged"]),
    (23, "gzip bomb"): (
        gzip.compress(b"0" * 100_000), {"unpacked_limit": 99_999}, ["99,999 bytes"]),
    (6, "semicolons"): ("ds;y\n2020-01-01;1,5\n", {}, [":1:", "separated by semicolons", "'ds;y'"]),
    (6, "tabs"): ("ds\ty\n2020-01-01\t1\n", {}, ["separated by tabs"]),
    (13, "comment first"): ("# made by me\n" + GOOD, {}, [":1:", "comment line"]),
    (13, "comment midway"): (
        table("2020-01-01,1", "# moved, they say", "2020-01-02,2"), {}, [":3:"]),
    (13, "comment midway, one field"): (
        table("2020-01-01,1", "# moved", "2020-01-02,2"), {}, [":3:", "comment line", "remove it"]),
    (10, "unclosed quote"): (
        table('2020-01-01,"1"', '2020-01-02,"2', "2020-01-03,3"), {}, [":3:", "not closed"]),
    (10, "unclosed quote, closed later"): (
        table('"2020-01-01,1', '2020-01-02,2"', '2020-01-03,3'),
        {}, [":2:", "1 field, the header 2"]),
    (10, "text after a quote"): (
        table('2020-01-01,"1"2'), {}, [":2:", "not closed or not doubled"]),
    (10, "unclosed header"): ('"ds,y\n2020-01-01,1\n', {}, [":1:", "header's quotes"]),
    (15, "one row too long"): (
        table("2020-01-01,1", "2020-01-02,2,9"),
        {}, [":3:", "3 fields, the header 2", "'2020-01-02,2,9'"]),
    (14, "all rows too long"): (
        table("2020-01-01,1,9", "2020-01-02,2,9"), {}, [":2:", ":3:", "3 fields, the header 2"]),
    (17, "comma at the end of a row"): (
        table("2020-01-01,1,"), {}, [":2:", "remove the comma at the end", "trailing_commas"]),
    (17, "commas at all ends"): (
        table("2020-01-01,1,", header="ds,y,"),
        {}, [":1:", "column 3 has no name", "remove the comma at the end", "trailing_commas"]),
    (16, "one row too short"): (
        table("2020-01-01,1", "2020-01-02"), {}, [":3:", "1 field, the header 2"]),
    (16, "too short with quotes"): (
        table('"2020-01-01",1', "2020-01-02"), {}, [":3:", "1 field, the header 2"]),
    (15, "after a quoted line break"): (
        table('2020-01-01,1,"two\nlines"', "2020-01-02,2,one,more", header="ds,y,note"),
        {}, [":4:", "4 fields, the header 3"]),
    (18, "header again"): (
        dated(1) + dated(2), {}, [":3:ds:", "header is repeated", "remove the line"]),
    (19, "twin columns"): (
        table("2020-01-01,1,2", header="ds,y,y"), {}, [":1:", "'y' stands 2 times"]),
    (20, "no such column"): (
        table("2020-01-01,1", header="ds,yy"), {}, [":1:", "no column 'y'", "did you mean 'yy'?"]),
    (20, "several columns missing"): (
        GOOD, {"exogenous": ["a", "b"]}, ["no column 'a'", "no column 'b'", "'ds', 'y'"]),
    (21, "nameless column"): (
        table("2020-01-01,1,x", header="ds,y,"), {}, [":1:", "column 3 has no name"]),
    (21, "row numbers"): (
        table("0,2020-01-01,1", "1,2020-01-02,2", header=",ds,y"),
        {}, [":1:", "column 1 has no name", "index=False"]),
    (21, "nameless among others"): (
        table("2020-01-01,x,1", header="ds,,y"), {}, ["column 2 has no name", "name it"]),
    (21, "space for a name"): (
        table("2020-01-01,1,x", header="ds,y,\u00a0"), {}, ["column 3 has no name"]),
    (22, "too many columns"): (",".join(map(str, range(10_001))) + "\n", {}, ["10,001 columns"]),
    # -- the dates --
    (31, "no date"): (
        table("2020-01-01,1", "soon,2"), {}, [":3:ds:", "cannot be read as a date ('soon' given)"]),
    (31, "no date anywhere"): (table("a,1", "b,2"), {}, [":2:ds:", ":3:ds:"]),
    (31, "today"): (table("2020-01-01,1", "today,2"), {}, [":3:ds:", "'today'"]),
    (48, "blank date"): (table("2020-01-01,1", ",2"), {}, [":3:ds:", "date is blank"]),
    (27, "mixed styles"): (
        table("2020-01-01,1", "2020-01-02,2", "03/01/2020,3"),
        {}, [":4:ds:", "unlike the other dates, such as '2020-01-01' ('03/01/2020' given)"]),
    (27, "mixed separators"): (
        table("2020-01-01,1", "2020-01-02,2", "2020/01/03,3"), {}, [":4:ds:"]),
    (27, "date and time mixed"): (
        table("2020-01-01 00:00,1", "2020-01-02 00:00,2", "2020-01-03,3"),
        {}, [":4:ds:", "unlike"]),
    (35, "zoned and naive"): (
        table("2020-01-01 00:00Z,1", "2020-01-02 00:00Z,2", "2020-01-03 00:00,3"), {}, [":4:ds:"]),
    (32, "mixed offsets"): (
        table("2020-01-01T00:00+01:00,1", "2020-01-02T00:00+01:00,2", "2020-01-03T00:00+02:00,3"),
        {}, [":4:ds:", "another offset", "write all times in UTC"]),
    (28, "day or month"): (
        table("01/02/2020,1", "02/02/2020,2"),
        {}, [":2:ds:", "day first or the month first", "date_format"]),
    (28, "day and month mixed"): (
        table("13/02/2020,1", "14/02/2020,2", "02/15/2020,3"), {}, [":4:ds:", "the day second"]),
    (28, "two-digit year"): (table("31/01/20,1"), {}, [":2:ds:", "set date_format"]),
    (29, "integers"): (
        table("20200101,1", "20200102,2"), {}, [":2:ds:", "whole number, not a date", "'%Y%m%d'"]),
    (29, "integer months"): (table("202001,1", "202002,2"), {}, ["'%Y%m'"]),
    (30, "epoch seconds"): (table("1577836800,1", "1577836860,2"), {}, ["date_format: 's'"]),
    (29, "step numbers"): (table("1,1", "2,2"), {}, [":2:ds:", "cannot be read as a date"]),
    (40, "no such day"): (
        table("2021-02-28,1", "2021-02-29,2"), {}, [":3:ds:", "no day", "'2021-02-29'"]),
    (46, "hour 24"): (table("2021-02-28 23:00,1", "2021-02-28 24:00,2"), {}, [":3:ds:"]),
    (46, "second 60"): (table("2021-02-28 23:00:59,1", "2021-02-28 23:00:60,2"), {}, [":3:ds:"]),
    (47, "year 1"): (table("0001-01-01,1", "0001-01-02,2"), {}, [":2:ds:", ":3:ds:"]),
    (47, "year 9999"): (table("9999-01-01,1", "9999-01-02,2"), {}, [":2:ds:"]),
    (27, "not the format"): (
        table("31.01.2020,1", "2020-02-01,2"),
        {"date_format": "%d.%m.%Y"}, [":3:ds:", "'%d.%m.%Y'"]),
    (36, "twins"): (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-02,3"),
        {}, [":4:ds:", "already on line 3 ('2020-01-02' given)", "Mend: keep one row"]),
    (45, "30 Jan, 29 Feb, 30 Mar"): (
        table("2020-01-30,1", "2020-02-29,2", "2020-03-30,3", "2020-04-30,4"),
        {}, ["no regular frequency"]),
    (38, "irregular"): (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-03 06:00,3"), {}, [":4:ds:", "unlike"]),
    (43, "off the frequency"): (
        table("2020-01-06,1", "2020-01-13,2", "2020-01-21,3"),
        {"frequency": "W-MON"}, [":4:ds:", "not fall on the frequency 'W-MON'", "'2020-01-21'"]),
    (38, "no such frequency"): (GOOD, {"frequency": "fortnight"}, ["data.csv: ", "'fortnight'"]),
    (38, "no such frequency to gather by"): (
        GOOD, {"frequency": "fortnight", "resample": "mean"}, ["'fortnight'"]),
    (38, "a frequency of no step"): (GOOD, {"frequency": "0D"}, ["'0D' does not lead ahead"]),
    (38, "a frequency that leads back"): (
        GOOD, {"frequency": "-1D", "resample": "mean"}, ["'-1D' does not lead ahead"]),
    (56, "one row"): (dated(1), {}, ["one row has no frequency"]),
    (38, "frequency far too fine"): (
        table("2000-01-01,1", "2020-01-01,2"), {"frequency": "s"}, ["too many rows"]),
    (39, "missing rows"): (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-05,5"),
        {"frequency": "D"},
        [":4:ds:", "a date is missing before this row ('2020-01-03' given)", "2020-01-04' given",
         "set gaps to 'mask'"]),
    # -- the values --
    (52, "text"): (dated(1, "two", 3), {}, [":3:y:", "is not a number ('two' given)"]),
    (51, "infinite"): (dated(1, "inf", "-Infinity"), {}, [":3:y:", ":4:y:", "is infinite"]),
    (51, "overflow"): (dated(1, "1e400"), {}, [":3:y:", "too large for a float64 ('1e400' given)"]),
    (7, "decimal comma"): (dated('"1,5"', '"2,25"'), {}, [":2:y:", "decimal comma ('1,5' given)"]),
    (7, "comma, which?"): (dated('"1,500"'), {}, ["a decimal comma or a thousands separator"]),
    (8, "thousands"): (
        dated('"1,500.25"', '"1,500,000"'), {}, [":2:y:", ":3:y:", "thousands separators"]),
    (8, "thousands apart"): (
        dated("1 500", "1'500"), {}, [":2:y:", ":3:y:", "thousands separators"]),
    (7, "thousands with points"): (dated('"1.500,25"'), {}, [":2:y:", "decimal comma"]),
    (53, "underscores"): (dated("1_000"), {}, [":2:y:", "'1_000'"]),
    (53, "units"): (dated("5%", "$5", "5€"), {}, [":2:y:", ":3:y:", ":4:y:", "carries a unit"]),
    (53, "false minus"): (dated("\u22125"), {}, [":2:y:", "no minus sign"]),
    (53, "foreign digits"): (dated("\u0661\u0662"), {}, [":2:y:", "is not a number"]),
    (52, "hexadecimal"): (dated("0x10"), {}, [":2:y:", "is not a number"]),
    (52, "truth"): (dated("True", "false"), {}, [":2:y:", ":3:y:", "write 1 or 0"]),
    (52, "truth, once"): (dated("True", "", "True"), {}, [":2:y:", ":4:y:", "write 1 or 0"]),
    (52, "truth, ones before"): (dated(1, 0, "True"), {}, [":4:y:", "write 1 or 0"]),
    (66, "escape codes"): (dated("\x1b[31m"), {}, [":2:y:", r"'\x1b[31m'"]),
    (50, "nothing but gaps"): (dated("", "NA"), {}, ["'y' holds no value"]),
    (50, "a missing value"): (
        dated(1, "", 3), {}, [":3:y:", "a value is missing", "set gaps to 'mask'"]),
    (50, "marks of missing values"): (
        dated(1, "NA", "nan", "null", 5), {}, [":3:y:", ":4:y:", ":5:y:"]),
    (63, "no id"): (
        table("2020-01-01,a,1", "2020-01-01, ,1", header="ds,id,y"),
        {"series": "id"}, [":3:id:", "no id"]),
    (36, "ids not named"): (
        table("2020-01-01,a,1", "2020-01-01,b,1", header="ds,id,y"),
        {}, [":3:ds:", "name the column of ids with series"]),
    (22, "a million columns"): (",".join(map(str, range(10**6))) + "\n", {}, ["1,000,000 columns"]),
    (33, "an hour that clocks skip"): (
        table(*(f"2021-03-28 0{hour}:00,1" for hour in range(5))),
        {"time_zone": "Europe/Berlin"},
        [":4:ds:", "is skipped by the clocks in Europe/Berlin", "in UTC"]),
    (34, "an hour that comes twice"): (
        table(*(f"2021-10-31 0{hour}:00,1" for hour in (0, 1, 2, 2, 3))),
        {"time_zone": "Europe/Berlin"},
        [":4:ds:", ":5:ds:", "comes twice, for the clocks are set back in Europe",
        "in UTC or with their offset"]),
    (34, "an hour that comes twice, nowhere"): (
        table(*(f"2021-10-31 0{hour}:00,1" for hour in (0, 1, 2, 2, 3))),
        {}, [":5:ds:", "already on line 4", "when clocks are set back needs UTC, or its offset"]),
    (36, "other twins"): (
        table("2020-01-01,a,1", "2020-01-02,a,2", "2020-01-02,a,2", header="ds,id,y"),
        {"series": "id"}, [":4:ds:", "already on line 3"]),
    (38, "no two steps alike"): (
        table("2020-01-01 00:00,1", "2020-01-02 03:00,2", "2020-01-05 07:00,3"),
        {}, [":4:", "no regular frequency"]),
    (42, "ends and starts of months"): (
        table("2020-01-31,1", "2020-02-29,2", "2020-03-31,3", "2020-05-01,4", "2020-06-01,5"),
        {}, [":5:", "no regular frequency"]),
    (43, "Sundays and Mondays"): (
        table("2020-01-05,1", "2020-01-12,2", "2020-01-19,3", "2020-01-27,4", "2020-02-03,5"),
        {}, [":5:", "no regular frequency"]),
    (44, "quarters"): (
        table("2020 Q1,1", "2020 Q2,2"), {},
        [":2:ds:", "is a quarter, not a date ('2020 Q1' given)", "such as 2020-01-01",
         "date_format: quarter"]),
    (44, "quarters in other words"): (
        table("Q1 2020,1", "Q2 2020,2"), {},
        [":2:ds:", "('Q1 2020' given)", "write its first day"]),
    (44, "quarters among dates"): (
        table("2020-01-01,1", "2020-04-01,2", "2020Q3,3"), {}, [":4:ds:", "is a quarter"]),
    (44, "fifth quarter"): (
        table("2020 Q1,1", "2020 Q5,2"), {"date_format": "quarter"},
        [":3:ds:", "does not follow date_format 'quarter' ('2020 Q5' given)"]),
    (48, "no date at all"): (table(",1", ",2"), {}, [":2:ds:", ":3:ds:", "date is blank"]),
    (57, "too short"): (
        dated(*range(8)), {"context": 6}, ["has 8 rows, and at least 12 are needed", "horizon"]),
    (58, "beyond float32"): (dated(1, "1e300", 3), {}, [":3:y:", "larger than 3.4e+38", "1e+300"]),
    (58, "beyond float32, an input"): (
        table("2020-01-01,1,2", "2020-01-02,2,-1e39", header="ds,y,x"),
        {"past_only": "x"}, [":3:x:", "larger than 3.4e+38"]),
    (61, "beyond 2^63"): (
        dated(1, "9223372036854775808"), {}, [":3:y:", "beyond 2^63", "'9223372036854775808'"]),
    (62, "negative under log"): (
        dated(1, 2, -3, 0), {"transforms": ["log"]},
        [":4:y:", ":5:y:", "not above 0", "(-3.0 given)", "an offset"]),
    (62, "negative under log, with an offset"): (
        dated(1, 2, -3), {"transforms": [{"kind": "log", "offset": 2}]}, [":4:y:", "not above -2"]),
    (68, "inputs missing ahead"): (
        table("2020-01-01,1,1", "2020-01-02,2,1", "2020-01-03,3,1", header="ds,y,x"),
        {"exogenous": "x"},
        ["missing for 3 of the 3 steps", "2020-01-04, 2020-01-05, 2020-01-06", "past_only"]),
    (69, "inputs known in the past alone"): (
        table(*(f"{day},{y},{x}" for day, y, x in zip(DAYS, "1234   ", "1234   ", strict=False)),
              header="ds,y,x"),
        {"exogenous": "x"}, ["missing for 3 of the 3 steps", "2020-01-05", "past_only"]),
    (70, "an input of words"): (
        table("2020-01-01,1,red", "2020-01-02,2,blue", header="ds,y,x"),
        {"past_only": "x"}, [":2:x:", ":3:x:", "not a number ('blue' given)"]),
}  # fmt: skip


NETWORK = {"kind": "ecnn", "horizon": 3, "state_size": 3, "n_members": 1, "max_epochs": 2}


def titled(key):
    return f"{key[0]:02d} {key[1]}" if isinstance(key, tuple) else None


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(content):
    """Write the table."""
    Path("data.csv").write_bytes(content if isinstance(content, bytes) else content.encode())


def pipeline(content, **settings):
    """Write a table and a pipeline for it, and return the pipeline's name."""
    put(content)
    whole = {"name": "micro", "baselines": ["naive"], "metrics": ["mase", "coverage"]}
    whole["model"] = {**NETWORK, **{k: settings.pop(k) for k in ("context",) if k in settings}}
    whole |= {k: settings.pop(k) for k in ("transforms", "backtest") if k in settings}
    whole["data"] = {"csv": "data.csv", "time": "ds", "target": "y", **settings}
    Path("micro.yaml").write_text(json.dumps(whole))
    return "micro.yaml"


def read(content, **settings):
    put(content)
    return read_csv("data.csv", **{"time": "ds", "target": "y", **settings})


def refused(result):
    """Return the lines of a message that a person can mend their input by."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    message = result.stderr.removeprefix("Error: ").rstrip("\n")
    for line in message.splitlines():
        assert line.isprintable()
    return message


@pytest.mark.parametrize("key", ERRORS, ids=titled)
def test_a_fault_is_told_with_place_value_and_mend(key, command):
    content, settings, words = ERRORS[key]

    result = command("validate", pipeline(content, **settings))

    message = refused(result)
    assert result.stdout == ""
    for word in words:
        assert word in message
    for line in message.splitlines():
        assert line.startswith("data.csv:")
        assert "Mend: " in line or "problems in all" in line


# (case, name): (content, settings, words of the repairs, targets read, and what is counted)
REPAIRS = {
    (3, "byte-order mark"): (
        b"\xef\xbb\xbf" + GOOD.encode(), {}, ["byte-order mark"], [1, 2, 3, 4]),
    (11, "old line ends"): (GOOD.replace("\n", "\r"), {}, ["carriage return"], [1, 2, 3, 4]),
    (11, "windows line ends"): (GOOD.replace("\n", "\r\n"), {}, [], [1, 2, 3, 4]),
    (11, "no last line end"): (GOOD.rstrip(), {}, [], [1, 2, 3, 4]),
    (12, "blank lines"): (GOOD.replace("\n", "\n\n \n"), {}, ["10 blank lines were"], [1, 2, 3, 4]),
    (12, "blank line and quotes"): (
        table('"2020-01-01",1', "", '"2020-01-02",2'), {}, ["1 blank"], [1, 2]),
    (21, "spaces"): (table(" 2020-01-01 , 1 ", "2020-01-02,2", header=" ds , y "), {}, [], [1, 2]),
    (23, "gzip"): (gzip.compress(GOOD.encode()), {}, [], [1, 2, 3, 4]),
    (17, "commas at all ends"): (
        table("2020-01-01,1,", "2020-01-02,2,", header="ds,y,"), {"trailing_commas": "drop"},
        ["commas at the end of 3 lines were dropped"], [1, 2]),
    (17, "columns of nothing"): (
        table("2020-01-01,1,,", "2020-01-02,2, ,", header="ds,y,,"), {"trailing_commas": "drop"},
        ["commas at the end of 3 lines were dropped"], [1, 2]),
    (44, "quarters, by format"): (
        table("2020 Q1,1", "2020-q2,2", "2020Q3,3"), {"date_format": "quarter"},
        ["quarters were read as their first days"], [1, 2, 3]),
    (56, "one row of known frequency"): (dated(1), {"frequency": "MS"}, [], [1]),
    (37, "unsorted"): (
        table("2020-01-02,2", "2020-01-01,1", "2020-01-03,3"),
        {}, ["1 row was out of order"], [1, 2, 3]),
    (39, "missing rows"): (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-05,5"), {"frequency": "D", "gaps": "mask"},
        ["2 missing rows were inserted: 2020-01-03, 2020-01-04"], [1, 2, None, None, 5]),
    (39, "missing rows, filled"): (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-05,5"), {"frequency": "D", "gaps": "fill"},
        ["2 missing values of 'y' were filled with the last value"], [1, 2, 2, 2, 5]),
    (50, "marks of missing values"): (
        dated(1, "", "NA", "NaN", "null", " ", "-2", "", "9"), {"gaps": "mask"},
        ["6 missing values of 'y' were kept"], [1, None, None, None, None, None, -2, None, 9]),
    (50, "filled only between values"): (
        dated("", 1, "", 3, ""), {"gaps": "fill"},
        ["1 missing value of 'y' was filled", "2 missing values of 'y' were kept"],
        [None, 1, 1, 3, None]),
    (50, "an unknown end is no gap"): (
        dated(1, 2, ""), {}, ["1 missing"], [1, 2, None]),
    (36, "last of twins"): (
        table("2020-01-01,1", "2020-01-01,3", "2020-01-02,2"),
        {"duplicates": "last", "frequency": "D"},
        ["1 row doubled a date; joined by 'last'"], [3, 2]),
    (36, "mean of twins"): (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-01,4"),
        {"duplicates": "mean", "frequency": "D"},
        ["joined by 'mean'"], [2.5, 2]),
    (36, "sum of twins, one missing"): (
        table("2020-01-01,1", "2020-01-01,", "2020-01-02,", "2020-01-02,", "2020-01-03,3"),
        {"duplicates": "sum", "frequency": "D", "gaps": "mask"},
        ["2 rows doubled a date"], [1, None, 3]),
    (28, "day first"): (
        table("30/01/2020,1", "31/01/2020,2", "01/02/2020,3"),
        {}, ["read as day, month, year"], [1, 2, 3]),
    (28, "month first"): (
        table("1/30/2020,1", "1/31/2020,2", "2/1/2020,3"),
        {}, ["read as month, day, year"], [1, 2, 3]),
    (28, "day first, by format"): (
        table("01/02/2020,1", "02/02/2020,2"),
        {"date_format": "%d/%m/%Y", "frequency": "D"}, [], [1, 2]),
    (29, "integers, by format"): (
        table("20200101,1", "20200102,2"), {"date_format": "%Y%m%d", "frequency": "D"}, [], [1, 2]),
    (35, "offset"): (
        table("2020-01-01T00:00+01:00,1", "2020-01-01T01:00+01:00,2", "2020-01-01T02:00+01:00,3"),
        {}, ["offset from UTC, +01:00"], [1, 2, 3]),
    (17, "commas at the ends of rows"): (
        table("2020-01-01,1,", "2020-01-02,2", "2020-01-03,3, "), {"trailing_commas": "drop"},
        ["commas at the end of 2 lines were dropped"], [1, 2, 3]),
    (17, "commas at the ends, and quotes"): (
        table('2020-01-01,1,"a,\nb,",', "2020-01-02,2,c", header="ds,y,note"),
        {"trailing_commas": "drop", "frequency": "D"},
        ["commas at the end of 1 line were dropped"], [1, 2]),
    (33, "clocks that skip nothing"): (
        table("2021-07-01 00:00,1", "2021-07-01 01:00,2", "2021-07-01 02:00,3"),
        {"time_zone": "Europe/Berlin"}, ["times in Europe/Berlin were turned into UTC"], [1, 2, 3]),
    (38, "gathered into days"): (
        table("2020-01-02 07:00,5", "2020-01-01 00:00,1", "2020-01-01 03:00,2",
        "2020-01-04 00:00,7"),
        {"resample": "mean", "frequency": "D", "gaps": "mask"},
        ["1 row was out of order", "4 rows were gathered into periods of 'D' by 'mean'"],
        [1.5, 5, None, 7]),
    (38, "the last of each day"): (
        table("2020-01-02 07:00,5", "2020-01-01 09:00,1", "2020-01-01 03:00,2"),
        {"resample": "last", "frequency": "D"}, ["gathered"], [1, 5]),
}  # fmt: skip


@pytest.mark.parametrize("key", REPAIRS, ids=titled)
def test_a_repair_is_said_counted_and_changes_nothing_else(key, command):
    content, settings, words, expected = REPAIRS[key]

    found = read(content, **settings)

    assert len(found.repairs) >= len(words)
    for word in words:
        assert any(word in repair for repair in found.repairs)
    if not words:
        assert found.repairs == ()
    for repair in found.repairs:
        told = re.search(r"\d+", repair)
        assert repair.times >= 1
        # A sentence that begins with a number says how many.
        assert not repair[0].isdigit() or int(told[0]) == repair.times
    values = found.targets["y"].astype(object)
    assert values.where(values.notna(), None).tolist() == expected


# What is off unless it is asked for: with the setting left out, its row is refused.
@pytest.mark.parametrize(
    ("key", "setting"),
    [(key, name) for key, (_, settings, *_) in REPAIRS.items() for name in settings
     if name in ("trailing_commas", "duplicates", "resample", "gaps", "date_format")],
    ids=titled,
)  # fmt: skip
def test_a_repair_that_was_not_asked_for_is_not_made(key, setting):
    content, settings, *_ = REPAIRS[key]
    with pytest.raises(DataError, match="Mend: "):
        read(content, **{name: value for name, value in settings.items() if name != setting})


# (case, name): (content, settings, words of the notes)
NOTES = {
    (41, "a year of days"): (
        dated_from("2019-12-01", *range(800)), {"season": 365},
        ["365 rows", "2020-02-29", "365.25"]),
    (49, "dates to come"): (
        dated_from("2250-01-01", *range(30)), {},
        ["30 targets are dated after today", "2250-01-30"]),
    (54, "a constant"): (dated(*[5] * 20), {}, ["'y' never changes, it is 5 throughout", "MASE"]),
    (54, "a constant among others"): (
        table(*(f"{day},{key},{7 if key == 'a' else number}" for key in "ab"
                for number, day in enumerate(DAYS)), header="ds,id,y"),
        {"series": "id"}, ["never changes in 1 of 2 series, such as 'a', 7 throughout"]),
    (36, "a series twice"): (
        table(*(f"{day},{key},{'-0.0' if key == 'b' and not number else number}"
                for key in "abc" for number, day in enumerate(DAYS[key == "c":])),
              header="ds,id,y"),
        {"series": "id"}, ["1 of 3 series repeat another, such as 'b' the series 'a'"]),
    (55, "nothing but zeros"): (dated(*[0] * 20), {}, ["it is 0 throughout", "undefined"]),
    (59, "near to zero"): (dated(*range(20), "1e-300"), {}, ["nearer to 0 than 1.2e-38"]),
    (60, "long integers"): (dated(*range(20), 16_777_217), {}, ["whole numbers above 16,777,216"]),
    (67, "an accent in two spellings"): (
        table(*(f"{day},{key},{number * len(key)}" for key in ("\u00e9", "e\u0301")
                for number, day in enumerate(DAYS)), header="ds,id,y"),
        {"series": "id"}, [r"'e\u0301' and '\xe9' look alike", "two series"]),
}  # fmt: skip


@pytest.mark.parametrize("key", NOTES, ids=titled)
def test_what_had_better_be_known_is_told(key, command):
    content, settings, words = NOTES[key]

    result = command("validate", pipeline(content, **settings))

    assert result.exit_code == 0, result.stderr
    for word in words:
        assert word in result.stdout
    assert result.stdout.count("note that") == 1


def test_an_ordinary_table_has_no_notes(command):
    result = command("validate", pipeline(dated(*range(20), 16_777_216), season=7))
    assert result.exit_code == 0
    assert "note that" not in result.stdout


def test_twenty_problems_are_shown_and_all_are_counted():
    rows = [f"{day},x" for day in DAYS]
    with pytest.raises(DataError) as caught:
        read(table(*rows, "soon,1"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert [line.split(":")[1] for line in lines[:20]] == [str(n) for n in range(2, 22)]
    assert lines[-1] == "data.csv: 32 problems in all, 20 shown."


def test_faults_of_several_kinds_are_told_together_in_the_order_of_lines():
    with pytest.raises(DataError) as caught:
        read(table("2020-01-01,x", "soon,1", "2020-01-03,y"))
    assert [line.split(":")[1:3] for line in str(caught.value).splitlines()] == [
        ["2", "y"],
        ["3", "ds"],
        ["4", "y"],
    ]


@case(25)
def test_what_is_no_file_is_refused(here, command):
    def message(path):
        pipeline(GOOD, csv=path)
        return refused(command("validate", "micro.yaml"))

    assert "this is a folder" in message(".")
    assert "no such file. Mend: correct the path, the folder" in message("nowhere/data.csv")
    assert "did you mean 'data.csv'" in message("date.csv")
    os.mkfifo("pipe.csv")
    assert "not a regular file" in message("pipe.csv")
    assert "cannot be read" in message("x" * 5000)
    with pytest.raises(DataError, match="a NUL stands in the file's name"):
        read_csv("data\0.csv", time="ds", target="y")


@case(25)
def test_an_unreadable_file_is_refused(command, monkeypatch):
    whole = Path.read_bytes

    def refuse(path):
        if path.suffix == ".csv":
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    path = pipeline(GOOD)
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    assert "data.csv: the file cannot be read: Permission denied" in refused(
        command("validate", path)
    )


@case(23)
def test_a_bomb_is_stopped_before_it_fills_the_memory(command):
    path = pipeline(gzip.compress(b"0" * 10**8), unpacked_limit=10**6)
    command("validate", path)  # what is loaded once does not count
    tracemalloc.start()
    message = refused(command("validate", path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "unpacks to more than 1,000,000 bytes" in message
    assert peak < 2e7


@case(24)
@pytest.mark.parametrize(
    "change",
    [lambda path: path.write_text(GOOD.replace("4", "5")), lambda path: path.unlink()],
    ids=["written", "removed"],
)
def test_a_file_that_changes_while_it_is_read_is_refused(change, command, monkeypatch):
    examine = _csv_records.examine

    def meanwhile(*arguments):
        change(Path("data.csv"))
        return examine(*arguments)

    path = pipeline(GOOD)
    monkeypatch.setattr(_csv_records, "examine", meanwhile)
    assert "data.csv: the file changed while it was read. Mend: wait" in refused(
        command("validate", path)
    )


@case(24)
def test_a_file_that_grows_while_its_bytes_are_read_is_refused(monkeypatch):
    put(GOOD)
    whole = Path.read_bytes

    def slowly(path):
        with path.open("ab") as file:
            file.write(b"2020-01-05,5\n")
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", slowly)
    with pytest.raises(DataError, match="changed while it was read"):
        read_csv("data.csv", time="ds", target="y")


@case(26)
@pytest.mark.parametrize("link", ["inside/data.csv", "inside/folder/data.csv", "direct.csv"])
def test_a_link_out_of_the_folder_of_the_data_is_refused(link, here, command):
    (here / "outside").mkdir()
    (here / "outside" / "data.csv").write_text(GOOD)
    (here / "inside").mkdir()
    (here / "inside" / "data.csv").symlink_to("../outside/data.csv")
    (here / "inside" / "folder").symlink_to("../outside")
    (here / "inside" / "direct.csv").symlink_to("../outside/data.csv")
    path = pipeline(GOOD, csv=link.removeprefix("inside/"))
    moved = Path(path).rename(here / "inside" / path)
    message = refused(command("validate", moved))
    assert "a symbolic link leads out of the folder of the data" in message
    assert f", to {here.resolve()}/outside/data.csv. Mend: name that file itself" in message
    bare = ["--time", "ds", "--target", "y", "--horizon", "1"]
    if link == "inside/data.csv":
        assert "a symbolic link leads out" in refused(command("run", link, *bare, "--no-track"))


@case(26)
def test_a_file_outside_that_is_named_itself_is_read(here, command):
    (here / "inside").mkdir()
    (here / "twin.csv").symlink_to("data.csv")  # stays within the folder
    for name in ("../data.csv", str(here / "data.csv"), "../twin.csv"):
        moved = Path(pipeline(dated(*range(12)), csv=name)).rename(here / "inside" / "micro.yaml")
        assert command("validate", moved).exit_code == 0


@case(63, 64)
def test_ids_stay_the_text_they_are():
    ids = ["007", "7", "NA", "nan", "null", "1e5", "True", "<b>", "a,b", "é", "None", "-1"]
    rows = [(day, key, 1.0) for key in ids for day in DAYS[:3]]
    content = pd.DataFrame(rows, columns=["ds", "id", "y"]).to_csv(index=False)

    found = read(content, series="id")

    assert found.targets.index.names == ["id", "ds"]
    assert found.targets.index.get_level_values("id").unique().tolist() == sorted(ids)


HOSTILE = [
    "../../etc/passwd", "x" * 300, "Shop", "shop", "<script>alert(1)</script>", "a\u202eb",
    "\x1b[31mred", "[bold]x[/nope]", "=1+1", "+1", "-1", "@x", "$\\frac$", "\u05d0\u05d1", "a/b",
    "..",
]  # fmt: skip


@pytest.fixture
def hostile(command):
    """Run a panel of hostile ids, and return what was printed."""
    rows = [
        (day, key, place + number % 5)
        for place, key in enumerate(HOSTILE)
        for number, day in enumerate(DAYS)
    ]
    content = pd.DataFrame(rows, columns=["ds", "id", "y"]).to_csv(index=False)
    path = pipeline(content, series="id", backtest={"origins": 1})
    result = command("run", path, "--no-track", "--output", "out")
    assert result.exit_code == 0, result.stderr
    return result


@case(65, 66, 72)
def test_hostile_ids_are_only_text(hostile, here):
    made = {path.name for path in (here / "out").iterdir()}
    assert made <= {*observed_files(), "forecast_naive.csv"}
    assert {path.name for path in here.iterdir()} == {"data.csv", "micro.yaml", "mlruns", "out"}
    for line in hostile.output.splitlines():
        assert line.isprintable()
    assert r"\x1b[31mred" in hostile.stdout
    written = pd.read_csv("out/forecast.csv", keep_default_na=False)
    bare = {key for key in HOSTILE if key[0] not in "=+-@"}
    assert set(written["id"]) == bare | {f"'{key}" for key in HOSTILE if key[0] in "=+-@"}
    assert pd.api.types.is_float_dtype(written["forecast"])


def observed_files():
    from forecast.pipeline import output

    return {*output.FILES, "reliability.png", "pit.png", "ranks.png"}


@case(66)
def test_ids_are_no_markup_of_the_terminal():
    index = pd.MultiIndex.from_product([HOSTILE[:9], [pd.Timestamp("2020-01-01")]])
    console = Console(file=io.StringIO(), width=500, force_terminal=True)
    show.frame(console, pd.DataFrame({"[/y]": 1.0}, index))
    printed = console.file.getvalue()
    for text in ("[bold]x[/nope]", r"\x1b[31mred", r"a\u202eb", "[/y]", "<script>"):
        assert text in printed
    assert "\x1b[31m" not in printed
    assert "\u202e" not in printed


@case(65)
def test_names_of_files_are_safe_and_tell_ids_apart():
    ids = [*HOSTILE, "", "\0", "a\0b", "x" * 299, "\ud800", "CON", "a.", "a "]
    names = [files.slug(key) for key in ids]
    assert len({name.casefold() for name in names}) == len(ids)
    for name, key in zip(names, ids, strict=True):
        assert re.fullmatch(r"(?![.-])[A-Za-z0-9._-]{1,40}-[0-9a-f]{10}", name)
        assert name.endswith(hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:10])


@case(72)
def test_text_that_a_spreadsheet_would_run_is_quoted_and_numbers_are_not():
    texts = ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "plain", "'x", "", None]
    frame = pd.DataFrame(
        {"@name": texts, "y": np.linspace(-5, 4, 10), "n": range(-5, 5)},
        index=pd.Index([f"={place}" for place in range(10)], name="=id"),
    )
    lines = files.csv(frame).decode().split("\n")
    assert lines[0].replace('"', "") == "'=id,'@name,y,n"
    back = pd.read_csv(io.BytesIO(files.csv(frame)), keep_default_na=False, lineterminator="\n")
    assert back["'@name"].tolist() == [
        f"'{text}" if text and text[0] in "=+-@\t\r" else text or "" for text in texts
    ]
    assert back["'=id"].tolist() == [f"'={place}" for place in range(10)]
    np.testing.assert_array_equal(back["y"], frame["y"])
    np.testing.assert_array_equal(back["n"], frame["n"])


@case(72)
def test_a_table_without_such_text_is_what_pandas_writes():
    times = pd.date_range("2020-01-01", periods=6, freq="6h", name="when")
    index = pd.MultiIndex.from_product([["a", "b"], times])
    for labels in (index, index.rename(["id", "when"]), times.repeat(2), pd.RangeIndex(12)):
        frame = pd.DataFrame({0.1: np.linspace(0, 1, 12), "z": ["a", None] * 6}, labels)
        assert files.csv(frame) == frame.to_csv(lineterminator="\n").encode()
        assert files.csv(frame, index=False) == frame.to_csv(index=False).encode()


@case(54, 55)
@pytest.mark.parametrize("value", [5, 0])
def test_a_constant_is_forecast_and_said_to_have_no_scaled_error(value, command):
    path = pipeline(dated(*[value] * 31), backtest={"origins": 2})
    result = command("run", path, "--no-track", "--output", "out")
    assert result.exit_code == 0, result.stderr
    assert pd.read_csv("out/forecast.csv")["forecast"].tolist() == [value] * 3
    assert f"'y' never changes, it is {value} throughout" in result.stdout
    assert "MASE and RMSSE of target 'y' are undefined" in result.stdout
    scores = pd.read_csv("out/scores.csv", index_col="model")
    assert scores["MASE"].isna().all()


@case(57)
@pytest.mark.parametrize("origins", [9, 10**11])
def test_fewer_rows_than_the_origins_need_are_told_before_any_fit(origins, command):
    path = pipeline(dated(*range(12)), context=6, backtest={"origins": origins})
    for line in (["validate", path], ["run", path, "--no-track"], ["backtest", path]):
        message = refused(command(*line))
        assert f"have 12 rows; {origins} origins, 1 apart, with a horizon of 3 need" in message


@case(57)
def test_a_series_as_long_as_it_must_be_is_enough(command):
    assert command("validate", pipeline(dated(*range(12)), context=6)).exit_code == 0
    more = ["--set", "backtest.origins=1", "--set", "quantiles=[]"]
    assert command("run", "micro.yaml", "--no-track", "--quiet", *more).exit_code == 0


@pytest.fixture
def fitted(command):
    """Fit two series with two inputs, and return the rows ahead."""
    frame = pd.DataFrame(
        [(day, key, number % 7, number % 3, number % 5)
         for key in "ab" for number, day in enumerate(DAYS)],
        columns=["ds", "id", "y", "p", "q"],
    )  # fmt: skip
    ahead = frame[frame["ds"] > DAYS[-4]]
    frame.loc[ahead.index, "y"] = np.nan
    path = pipeline(frame.to_csv(index=False), series="id", exogenous=["p", "q"])
    result = command("fit", path, "--output", "model", "--quiet")
    assert result.exit_code == 0, result.stderr
    return ahead.drop(columns="y")


@case(70, 71)
def test_columns_ahead_are_known_by_name_and_must_be_what_they_were(fitted, command):
    def ask(frame):
        frame.to_csv("ahead.csv", index=False)
        return command("predict", "model", "--future", "ahead.csv")

    plain = ask(fitted)
    assert plain.exit_code == 0, plain.stderr
    other = ask(fitted[["q", "ds", "p", "id"]].sample(frac=1, random_state=0))
    assert other.stdout == plain.stdout
    words = fitted.astype({"p": object})
    words.iloc[1, 2] = "red"
    assert "ahead.csv:3:p: the value is not a number ('red' given)" in refused(ask(words))
    unseen = pd.concat([fitted, fitted[fitted["id"] == "a"].assign(id="c")])
    message = refused(ask(unseen))
    assert "the model knows no series 'c'" in message
    assert "Known: a, b" in message
    assert "there is no column 'q'" in refused(ask(fitted.drop(columns="q")))


@case(71)
def test_another_order_of_columns_is_refused_from_python():
    X = pd.DataFrame({"p": np.arange(40.0) % 3, "q": np.arange(40.0) % 5})
    model = ECNN(3, state_size=3, n_members=1, max_epochs=1).fit(X[:37], np.arange(37.0) % 7)
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(X.loc[37:, ["q", "p"]])


def test_repairs_and_notes_are_logged_with_their_counts():
    logged = {}

    class Run:
        params = dataset = lambda self, *values, **named: None

        def text(self, name, text):
            logged[name] = text

    class Store:
        @contextmanager
        def run(self, *_):
            yield Run()

    content = table("2250-01-02,2", "2250-01-01,1", "", "2250-01-04,4")
    pipeline(content, frequency="D", gaps="mask")
    spec = read_spec(yaml_source.load("micro.yaml"))
    data = observations.read(spec, Path())
    with record.opened(Store(), spec, data, ""):
        pass
    told = json.loads(logged["repairs.json"])
    counts = {repair["kind"]: repair["count"] for repair in told["repairs"]}
    expected = {"blank_lines": 1, "unsorted_rows": 1, "inserted_rows": 1, "missing_values": 1}
    assert counts == expected
    assert [repair["text"] for repair in told["repairs"]] == list(data.repairs)
    assert told["notes"] == list(data.notes)
    assert len(told["notes"]) == 1


def test_every_case_is_here():
    numbers = {number for number, _ in itertools.chain(ERRORS, REPAIRS, NOTES)} | MARKED
    assert numbers == set(range(1, 73))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target": []}, "no target"),
        ({"exogenous": ["y"]}, "'y' is named 2 times"),
        ({"series": "ds"}, "'ds' is named 2 times"),
        ({"gaps": "guess"}, "error, mask, fill"),
        ({"duplicates": "first"}, "error, last, mean, sum"),
        ({"resample": "first"}, "last, mean, sum"),
        ({"resample": "mean"}, "give the frequency"),
        ({"trailing_commas": "keep"}, "error, drop"),
        ({"time_zone": "Europe/Berlin"}, "no time of day"),
        ({"date_format": "%d %Q %5"}, "no strptime format"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(settings, words):
    with pytest.raises(SpecError, match=words):
        read(GOOD, **settings)
