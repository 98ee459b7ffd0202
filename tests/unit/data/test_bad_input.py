"""One row a fault: what is in the file, and what the user must read."""

from __future__ import annotations

import gzip
import os

import pytest

from forecast.data.csv_source import read_csv
from forecast.errors import DataError, SpecError

DAYS = [f"2020-01-{day:02d}" for day in range(1, 32)]


def table(*rows, header="ds,y", end="\n"):
    return end.join((header, *rows)) + end


def dated(*values, header="ds,y"):
    return table(
        *(f"{day},{value}" for day, value in zip(DAYS, values, strict=False)), header=header
    )


GOOD = dated(1, 2, 3, 4)

# name: (content, settings, words of the message; `:2:y:` is a place)
ERRORS = {
    # -- the file --
    "empty": ("", {}, ["data.csv: the file is empty", "Mend: give a header"]),
    "blank": ("\n \n\n", {}, ["the file is empty"]),
    "header only": ("ds,y\n", {}, [":1:", "no row under it"]),
    "header and blanks": ("\nds,y\n\n\n", {}, [":2:", "no row under it"]),
    "utf-16": (GOOD.encode("utf-16"), {}, ["encoded as UTF-16", "Mend: save the file as UTF-8"]),
    "utf-16 unmarked": (GOOD.encode("utf-16-le"), {}, ["UTF-16"]),
    "utf-32": (GOOD.encode("utf-32"), {}, ["UTF-32"]),
    "latin-1": (table("2020-01-01,1", "é,2").encode("latin-1"), {}, [":3:", "0xe9", "Latin-1"]),
    "nul": (b"ds,y\n2020-01-01,1\n2020-01-02,\x002\n", {}, [":3:", "NUL byte"]),
    "workbook": (b"PK\x03\x04rest", {}, ["a workbook, not CSV"]),
    "damaged gzip": (gzip.compress(GOOD.encode())[:-9], {}, ["gzip file is damaged"]),
    "gzip bomb": (gzip.compress(b"0" * 100_000), {"unpacked_limit": 99_999}, ["99,999 bytes"]),
    "semicolons": ("ds;y\n2020-01-01;1,5\n", {}, [":1:", "separated by semicolons", "'ds;y'"]),
    "tabs": ("ds\ty\n2020-01-01\t1\n", {}, ["separated by tabs"]),
    "comment first": ("# made by me\n" + GOOD, {}, [":1:", "comment line"]),
    "comment midway": (table("2020-01-01,1", "# moved, they say", "2020-01-02,2"), {}, [":3:"]),
    "comment midway, one field": (
        table("2020-01-01,1", "# moved", "2020-01-02,2"), {}, [":3:", "comment line", "remove it"]),
    "unclosed quote": (
        table('2020-01-01,"1"', '2020-01-02,"2', "2020-01-03,3"), {}, [":3:", "not closed"]),
    "unclosed quote, closed later": (
        table('"2020-01-01,1', '2020-01-02,2"', '2020-01-03,3'),
        {}, [":2:", "1 field, the header 2"]),
    "text after a quote": (table('2020-01-01,"1"2'), {}, [":2:", "not closed or not doubled"]),
    "unclosed header": ('"ds,y\n2020-01-01,1\n', {}, [":1:", "header's quotes"]),
    "one row too long": (
        table("2020-01-01,1", "2020-01-02,2,9"),
        {}, [":3:", "3 fields, the header 2", "'2020-01-02,2,9'"]),
    "all rows too long": (
        table("2020-01-01,1,9", "2020-01-02,2,9"), {}, [":2:", ":3:", "3 fields, the header 2"]),
    "comma at the end of a row": (
        table("2020-01-01,1,"), {}, [":2:", "remove the comma at the end"]),
    "one row too short": (
        table("2020-01-01,1", "2020-01-02"), {}, [":3:", "1 field, the header 2"]),
    "too short with quotes": (
        table('"2020-01-01",1', "2020-01-02"), {}, [":3:", "1 field, the header 2"]),
    "after a quoted line break": (
        table('2020-01-01,1,"two\nlines"', "2020-01-02,2,one,more", header="ds,y,note"),
        {}, [":4:", "4 fields, the header 3"]),
    "header again": (dated(1) + dated(2), {}, [":3:ds:", "header is repeated", "remove the line"]),
    "twin columns": (table("2020-01-01,1,2", header="ds,y,y"), {}, [":1:", "'y' stands 2 times"]),
    "no such column": (
        table("2020-01-01,1", header="ds,yy"), {}, [":1:", "no column 'y'", "did you mean 'yy'?"]),
    "several columns missing": (
        GOOD, {"exogenous": ["a", "b"]}, ["no column 'a'", "no column 'b'", "'ds', 'y'"]),
    "nameless column": (
        table("2020-01-01,1,x", header="ds,y,"), {}, [":1:", "column 3 has no name"]),
    "space for a name": (
        table("2020-01-01,1,x", header="ds,y,\u00a0"), {}, ["column 3 has no name"]),
    "too many columns": (",".join(map(str, range(10_001))) + "\n", {}, ["10,001 columns"]),
    # -- the dates --
    "no date": (
        table("2020-01-01,1", "soon,2"), {}, [":3:ds:", "cannot be read as a date ('soon' given)"]),
    "no date anywhere": (table("a,1", "b,2"), {}, [":2:ds:", ":3:ds:"]),
    "today": (table("2020-01-01,1", "today,2"), {}, [":3:ds:", "'today'"]),
    "blank date": (table("2020-01-01,1", ",2"), {}, [":3:ds:", "date is blank"]),
    "mixed styles": (
        table("2020-01-01,1", "2020-01-02,2", "03/01/2020,3"),
        {}, [":4:ds:", "unlike the other dates, such as '2020-01-01' ('03/01/2020' given)"]),
    "mixed separators": (table("2020-01-01,1", "2020-01-02,2", "2020/01/03,3"), {}, [":4:ds:"]),
    "date and time mixed": (
        table("2020-01-01 00:00,1", "2020-01-02 00:00,2", "2020-01-03,3"),
        {}, [":4:ds:", "unlike"]),
    "zoned and naive": (
        table("2020-01-01 00:00Z,1", "2020-01-02 00:00Z,2", "2020-01-03 00:00,3"), {}, [":4:ds:"]),
    "mixed offsets": (
        table("2020-01-01T00:00+01:00,1", "2020-01-02T00:00+01:00,2", "2020-01-03T00:00+02:00,3"),
        {}, [":4:ds:", "another offset", "write all times in UTC"]),
    "day or month": (
        table("01/02/2020,1", "02/02/2020,2"),
        {}, [":2:ds:", "day first or the month first", "date_format"]),
    "day and month mixed": (
        table("13/02/2020,1", "14/02/2020,2", "02/15/2020,3"), {}, [":4:ds:", "the day second"]),
    "two-digit year": (table("31/01/20,1"), {}, [":2:ds:", "set date_format"]),
    "integers": (
        table("20200101,1", "20200102,2"), {}, [":2:ds:", "whole number, not a date", "'%Y%m%d'"]),
    "integer months": (table("202001,1", "202002,2"), {}, ["'%Y%m'"]),
    "epoch seconds": (table("1577836800,1", "1577836860,2"), {}, ["date_format: 's'"]),
    "step numbers": (table("1,1", "2,2"), {}, [":2:ds:", "cannot be read as a date"]),
    "no such day": (
        table("2021-02-28,1", "2021-02-29,2"), {}, [":3:ds:", "no day", "'2021-02-29'"]),
    "hour 24": (table("2021-02-28 23:00,1", "2021-02-28 24:00,2"), {}, [":3:ds:"]),
    "second 60": (table("2021-02-28 23:00:59,1", "2021-02-28 23:00:60,2"), {}, [":3:ds:"]),
    "year 1": (table("0001-01-01,1", "0001-01-02,2"), {}, [":2:ds:", ":3:ds:"]),
    "year 9999": (table("9999-01-01,1", "9999-01-02,2"), {}, [":2:ds:"]),
    "not the format": (
        table("31.01.2020,1", "2020-02-01,2"),
        {"date_format": "%d.%m.%Y"}, [":3:ds:", "'%d.%m.%Y'"]),
    "twins": (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-02,3"),
        {}, [":4:ds:", "already on line 3 ('2020-01-02' given)", "Mend: keep one row"]),
    "30 Jan, 29 Feb, 30 Mar": (
        table("2020-01-30,1", "2020-02-29,2", "2020-03-30,3", "2020-04-30,4"),
        {}, ["no regular frequency"]),
    "irregular": (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-03 06:00,3"), {}, [":4:ds:", "unlike"]),
    "off the frequency": (
        table("2020-01-06,1", "2020-01-13,2", "2020-01-21,3"),
        {"frequency": "W-MON"}, [":4:ds:", "not fall on the frequency 'W-MON'", "'2020-01-21'"]),
    "no such frequency": (GOOD, {"frequency": "fortnight"}, ["data.csv: ", "'fortnight'"]),
    "one row": (dated(1), {}, ["one row has no frequency"]),
    "frequency far too fine": (
        table("2000-01-01,1", "2020-01-01,2"), {"frequency": "s"}, ["too many rows"]),
    "gaps refused": (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-05,5"),
        {"gaps": "error", "frequency": "D"}, [":4:ds:", "2020-01-03' given", "2020-01-04' given"]),
    # -- the values --
    "text": (dated(1, "two", 3), {}, [":3:y:", "is not a number ('two' given)"]),
    "infinite": (dated(1, "inf", "-Infinity"), {}, [":3:y:", ":4:y:", "is infinite"]),
    "overflow": (dated(1, "1e400"), {}, [":3:y:", "too large for a float64 ('1e400' given)"]),
    "decimal comma": (dated('"1,5"', '"2,25"'), {}, [":2:y:", "decimal comma ('1,5' given)"]),
    "comma, which?": (dated('"1,500"'), {}, ["a decimal comma or a thousands separator"]),
    "thousands": (
        dated('"1,500.25"', '"1,500,000"'), {}, [":2:y:", ":3:y:", "thousands separators"]),
    "thousands apart": (dated("1 500", "1'500"), {}, [":2:y:", ":3:y:", "thousands separators"]),
    "thousands with points": (dated('"1.500,25"'), {}, [":2:y:", "decimal comma"]),
    "underscores": (dated("1_000"), {}, [":2:y:", "'1_000'"]),
    "units": (dated("5%", "$5", "5€"), {}, [":2:y:", ":3:y:", ":4:y:", "carries a unit"]),
    "false minus": (dated("\u22125"), {}, [":2:y:", "no minus sign"]),
    "foreign digits": (dated("\u0661\u0662"), {}, [":2:y:", "is not a number"]),
    "hexadecimal": (dated("0x10"), {}, [":2:y:", "is not a number"]),
    "truth": (dated("True", "false"), {}, [":2:y:", ":3:y:", "write 1 or 0"]),
    "truth, once": (dated("True", "", "True"), {}, [":2:y:", ":4:y:", "write 1 or 0"]),
    "truth, ones before": (dated(1, 0, "True"), {}, [":4:y:", "write 1 or 0"]),
    "escape codes": (dated("\x1b[31m"), {}, [":2:y:", r"'\x1b[31m'"]),
    "nothing but gaps": (dated("", "NA"), {}, ["'y' holds no value"]),
    "missing value refused": (dated(1, "", 3), {"gaps": "error"}, [":3:y:", "a value is missing"]),
    "no id": (
        table("2020-01-01,a,1", "2020-01-01, ,1", header="ds,id,y"),
        {"series": "id"}, [":3:id:", "no id"]),
    "ids not named": (
        table("2020-01-01,a,1", "2020-01-01,b,1", header="ds,id,y"),
        {}, [":3:ds:", "name the column of ids with series"]),
}  # fmt: skip


@pytest.fixture
def read(tmp_path, monkeypatch):
    def reader(content, **settings):
        monkeypatch.chdir(tmp_path)
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "data.csv").write_bytes(data)
        return read_csv("data.csv", **{"time": "ds", "target": "y", **settings})

    return reader


@pytest.mark.parametrize("name", ERRORS)
def test_a_fault_is_told_with_place_value_and_mend(name, read):
    content, settings, words = ERRORS[name]

    with pytest.raises(DataError) as caught:
        read(content, **settings)

    message = str(caught.value)
    for word in words:
        assert word in message
    for line in message.splitlines():
        assert line.startswith("data.csv:")
        assert "Mend: " in line or "problems in all" in line
        assert line.isprintable()


# name: (content, settings, words of the repairs, targets read)
REPAIRS = {
    "byte-order mark": (b"\xef\xbb\xbf" + GOOD.encode(), {}, ["byte-order mark"], [1, 2, 3, 4]),
    "old line ends": (GOOD.replace("\n", "\r"), {}, ["carriage return"], [1, 2, 3, 4]),
    "windows line ends": (GOOD.replace("\n", "\r\n"), {}, [], [1, 2, 3, 4]),
    "no last line end": (GOOD.rstrip(), {}, [], [1, 2, 3, 4]),
    "blank lines": (GOOD.replace("\n", "\n\n \n"), {}, ["10 blank lines were"], [1, 2, 3, 4]),
    "blank line and quotes": (
        table('"2020-01-01",1', "", '"2020-01-02",2'), {}, ["1 blank"], [1, 2]),
    "spaces": (table(" 2020-01-01 , 1 ", "2020-01-02,2", header=" ds , y "), {}, [], [1, 2]),
    "gzip": (gzip.compress(GOOD.encode()), {}, [], [1, 2, 3, 4]),
    "commas at all ends": (
        table("2020-01-01,1,", "2020-01-02,2,", header="ds,y,"),
        {}, ["column 3, without a name"], [1, 2]),
    "row numbers": (
        table("0,2020-01-01,1", "1,2020-01-02,2", header=",ds,y"), {}, ["row numbers"], [1, 2]),
    "one row of known frequency": (dated(1), {"frequency": "MS"}, [], [1]),
    "unsorted": (
        table("2020-01-02,2", "2020-01-01,1", "2020-01-03,3"),
        {}, ["1 row was out of order"], [1, 2, 3]),
    "missing rows": (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-05,5"), {"frequency": "D"},
        ["2 missing rows were inserted: 2020-01-03, 2020-01-04"], [1, 2, None, None, 5]),
    "missing rows, filled": (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-05,5"), {"frequency": "D", "gaps": "fill"},
        ["2 missing values of 'y' were filled with the last value"], [1, 2, 2, 2, 5]),
    "marks of missing values": (
        dated(1, "", "NA", "NaN", "null", " ", "-2", "", "9"), {},
        ["6 missing values of 'y' were kept"], [1, None, None, None, None, None, -2, None, 9]),
    "filled only between values": (
        dated("", 1, "", 3, ""), {"gaps": "fill"},
        ["1 missing value of 'y' was filled", "2 missing values of 'y' were kept"],
        [None, 1, 1, 3, None]),
    "an unknown end is no gap": (dated(1, 2, ""), {"gaps": "error"}, ["1 missing"], [1, 2, None]),
    "last of twins": (
        table("2020-01-01,1", "2020-01-01,3", "2020-01-02,2"),
        {"duplicates": "last", "frequency": "D"},
        ["1 row doubled a date; joined by 'last'"], [3, 2]),
    "mean of twins": (
        table("2020-01-01,1", "2020-01-02,2", "2020-01-01,4"),
        {"duplicates": "mean", "frequency": "D"},
        ["joined by 'mean'"], [2.5, 2]),
    "sum of twins, one missing": (
        table("2020-01-01,1", "2020-01-01,", "2020-01-02,", "2020-01-02,", "2020-01-03,3"),
        {"duplicates": "sum", "frequency": "D"}, ["2 rows doubled a date"], [1, None, 3]),
    "day first": (
        table("30/01/2020,1", "31/01/2020,2", "01/02/2020,3"),
        {}, ["read as day, month, year"], [1, 2, 3]),
    "month first": (
        table("1/30/2020,1", "1/31/2020,2", "2/1/2020,3"),
        {}, ["read as month, day, year"], [1, 2, 3]),
    "day first, by format": (
        table("01/02/2020,1", "02/02/2020,2"),
        {"date_format": "%d/%m/%Y", "frequency": "D"}, [], [1, 2]),
    "integers, by format": (
        table("20200101,1", "20200102,2"), {"date_format": "%Y%m%d", "frequency": "D"}, [], [1, 2]),
    "offset": (
        table("2020-01-01T00:00+01:00,1", "2020-01-01T01:00+01:00,2", "2020-01-01T02:00+01:00,3"),
        {}, ["offset from UTC, +01:00"], [1, 2, 3]),
}  # fmt: skip


@pytest.mark.parametrize("name", REPAIRS)
def test_a_repair_is_said_and_nothing_else_changes(name, read):
    content, settings, words, expected = REPAIRS[name]

    found = read(content, **settings)

    assert len(found.repairs) >= len(words)
    for word in words:
        assert any(word in repair for repair in found.repairs)
    if not words:
        assert found.repairs == ()
    values = found.targets["y"].astype(object)
    assert values.where(values.notna(), None).tolist() == expected


def test_twenty_problems_are_shown_and_all_are_counted(read):
    rows = [f"{day},x" for day in DAYS]
    with pytest.raises(DataError) as caught:
        read(table(*rows, "soon,1"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert [line.split(":")[1] for line in lines[:20]] == [str(n) for n in range(2, 22)]
    assert lines[-1] == "data.csv: 32 problems in all, 20 shown."


def test_faults_of_several_kinds_are_told_together_in_the_order_of_lines(read):
    with pytest.raises(DataError) as caught:
        read(table("2020-01-01,x", "soon,1", "2020-01-03,y"))
    assert [line.split(":")[1:3] for line in str(caught.value).splitlines()] == [
        ["2", "y"],
        ["3", "ds"],
        ["4", "y"],
    ]


def test_what_is_no_file_is_refused(tmp_path):
    roles = {"time": "ds", "target": "y"}
    with pytest.raises(DataError, match="this is a folder"):
        read_csv(tmp_path, **roles)
    with pytest.raises(DataError, match=r"no such file\. Mend: correct the path, the folder"):
        read_csv(tmp_path / "nowhere" / "data.csv", **roles)
    (tmp_path / "data.csv").touch()
    with pytest.raises(DataError, match=r"did you mean '.*data.csv'"):
        read_csv(tmp_path / "date.csv", **roles)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="not a regular file"):
        read_csv(tmp_path / "pipe.csv", **roles)


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    (tmp_path / "data.csv").write_text(GOOD)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        read_csv(tmp_path / "data.csv", time="ds", target="y")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target": []}, "no target"),
        ({"exogenous": ["y"]}, "'y' is named 2 times"),
        ({"series": "ds"}, "'ds' is named 2 times"),
        ({"gaps": "guess"}, "mask, fill, error"),
        ({"duplicates": "first"}, "error, last, mean, sum"),
        ({"date_format": "%d %Q %5"}, "no strptime format"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(settings, words, read):
    with pytest.raises(SpecError, match=words):
        read(GOOD, **settings)
