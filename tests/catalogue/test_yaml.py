"""Bad pipelines: 30 cases, each with the end it must come to.

A row is keyed by the number of its case and a name. `REFUSED` end with status 2 and a message that
begins with the line and says what to write; `READ` are values that other readers take for something
else. What needs more than a text is a function marked with `case`.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pandas as pd
import pytest

from forecast.pipeline import yaml_source
from forecast.pipeline.spec import read as read_spec

MARKED = set()
WHOLE = """\
name: small
seed: 3
data: {csv: data.csv, time: ds, target: y}
transforms: [standardise]
model:
  kind: ecnn
  horizon: 3
  training: {learning_rate: 0.001}
baselines: [naive, {kind: ets}]
"""


def case(*numbers):
    """Say which cases a function shows."""
    MARKED.update(numbers)
    return lambda function: function


def changed(old, new):
    """Return the pipeline with one thing changed."""
    assert old in WHOLE
    return WHOLE.replace(old, new)


LAUGHS = "a: &a [ha, ha]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}]\n" for old, new in itertools.pairwise("abcdefghijklmnopqrst")
)

# (case, name): (text, how the message begins, and words further on)
REFUSED = {
    (1, "unknown section"): (
        WHOLE + "basline: 1\n", "a.yaml:10: basline: there is no such setting.",
                             "Did you mean 'baselines'?"),
    (1, "unknown setting"): (changed("horizon", "horizont"), "a.yaml:7: model.horizont: ",
                             "has no setting 'horizont'. Did you mean 'horizon'?"),
    (1, "unknown in data"): (
        changed("time:", "tme:"), "a.yaml:3: data.t", "data.tme: there is no such", "'time'?"),
    (1, "unknown kind"): (changed("ecnn", "ecn"), "a.yaml:6: model.kind: ", "Did you mean 'ecnn'?"),
    (2, "doubled key"): ("a: 1\nb: 2\na: 3", "a.yaml:3: the key 'a' stands twice"),
    (2, "doubled key below"): (
        changed("  horizon: 3", "  horizon: 3\n  horizon: 4"), "a.yaml:8: the key 'horizon'"),
    (3, "no horizon"): (changed("  horizon: 3\n", ""), "a.yaml:5: model.horizon: is missing"),
    (3, "no data"): (changed("data: {csv: data.csv, time: ds, target: y}\n", ""),
                     "a.yaml:1: data: is missing"),
    (4, "text for a number"): (changed("seed: 3", "seed: three"), "a.yaml:2: seed: ", "'three'"),
    (4, "number for a name"): (changed("time: ds", "time: 1"), "a.yaml:3: data.time: ", "given: 1"),
    (4, "truth for a number"): (changed("seed: 3", "seed: true"), "a.yaml:2: seed: ", "True"),
    (5, "null"): (changed("horizon: 3", "horizon: null"), "a.yaml:7: model.horizon: ", "nothing"),
    (5, "nothing after a colon"): (
        changed("time: ds", "time: "), "a.yaml:3: data.time: ", "nothing"),
    (5, "a section that is null"): (
        changed("data: {csv: data.csv, time: ds, target: y}", "data: ~"),
                                    "a.yaml:3: data: must hold `key: value`"),
    (6, "empty"): ("", "a.yaml: is empty"),
    (6, "comment only"): ("# nothing\n", "a.yaml: is empty"),
    (7, "two documents"): ("a: 1\n---\nb: 2", "a.yaml:2: not readable as YAML: holds several"),
    (8, "tab"): ("a:\n\t- b", "a.yaml:2: not readable as YAML"),
    (9, "list for the whole"): ("- 1\n", "a.yaml: must hold `key: value` lines"),
    (9, "word for the whole"): ("just text", "a.yaml: must hold `key: value` lines"),
    (9, "list for a section"): (changed("{csv: data.csv, time: ds, target: y}", "[a, b]"),
                                "a.yaml:3: data: must hold `key: value`"),
    (10, "list as key"): ("? [a]\n: 1", "a.yaml:1: a key must be one word"),
    (10, "number as key"): (WHOLE + "3: 4\n", "a.yaml:10: 3: there is no such setting"),
    (10, "null as key"): (WHOLE + "~: 4\n", "a.yaml:10: ~: there is no such setting"),
    (11, "python object"): (
        "a: !!python/object/apply:os.system [touch ran]",
        "a.yaml:1: the tag 'tag:yaml.org,2002:py"),
    (11, "python name"): ("a: !!python/name:os.system ''", "a.yaml:1: the tag"),
    (12, "own tag"): ("a: 1\nb: !mine 2", "a.yaml:2: the tag '!mine'"),
    (12, "core tag"): ("a: !!str 1", "a.yaml:1: the tag"),
    (13, "billion laughs"): (LAUGHS, "a.yaml:1: anchors and aliases"),
    (13, "ten thousand values"): ("a: [" + "1, " * 10_000 + "]", "a.yaml:1: more than 10,000"),
    (13, "a long file"): ("#" * 1_000_001, "a.yaml: larger than 1,000,000 bytes"),
    (14, "self-reference"): ("a: &x [*x]", "a.yaml:1: anchors and aliases"),
    (14, "alias"): ("a: 1\nb: *x", "a.yaml:2: anchors and aliases"),
    (15, "merge key"): (changed("  kind: ecnn", "  <<: {kind: rnn}\n  kind: ecnn"),
                        "a.yaml:6: model.<<: 'ecnn' has no setting '<<'"),
    (16, "deep list"): ("a: " + "[" * 5000, "a.yaml:1: nested deeper than 20"),
    (16, "deep mapping"): ("a: " + "{a: " * 25 + "1" + "}" * 25, "a.yaml:1: nested deeper than 20"),
    (16, "deep by lines"): (
        "".join(f"{' ' * depth}a:\n" for depth in range(1000)), "a.yaml:20: nested deeper than 20"),
    (17, "long integer"): ("a: 1\nb: " + "9" * 5000, "a.yaml:2: an integer of 5000 digits"),
    (22, "number for a column"): (changed("target: y", "target: 1.10"), "a.yaml:3: data.target: "),
    (23, "not a number"): (changed("0.001", ".nan"), "a.yaml:8: model.training.learning_rate: must",
                           "finite number, given: nan"),
    (23, "infinity"): (
        changed("0.001", ".inf"), "a.yaml:8: model.training.learning_rate: must be a "),
    (23, "overflow"): (
        changed("0.001", "1e400"), "a.yaml:8: model.training.learning_rate: must be "),
    (23, "not a seed"): (changed("seed: 3", "seed: .nan"), "a.yaml:2: seed: "),
    (23, "band of nothing"): (
        WHOLE + "expected: {mase: [0, .nan]}\n", "a.yaml:10: expected.mase.1: "),
    (24, "date for a number"): (changed("seed: 3", "seed: 2024-01-01"), "a.yaml:2: seed: ",
                                "'2024-01-01'"),
    (25, "NUL"): ("a: \0", "a.yaml: not readable as YAML"),
    (26, "output above"): (
        WHOLE + "output: ../out\n", "a.yaml:10: output: must lie below", "--output"),
    (26, "output above, later"): (
        WHOLE + "output: a/../../out\n", "a.yaml:10: output: must lie below"),
    (26, "absolute output"): (WHOLE + "output: /tmp/out\n", "a.yaml:10: output: must lie below"),
    (26, "output through a link"): (
        WHOLE + "output: link/out\n", "a.yaml:10: output: must lie below"),
    (26, "name above"): (changed("name: small", "name: ../small"), "a.yaml:1: name: "),
    (27, "variable in a path"): (changed("data.csv", "'${HOME}/data.csv'"),
                                 "${HOME}/data.csv: there is no such file"),
    (27, "variable for a number"): (
        changed("seed: 3", "seed: $SEED"), "a.yaml:2: seed: ", "'$SEED'"),
    (28, "class path"): (
        changed("ecnn", "os.system"), "a.yaml:6: model.kind: there is no forecaster"),
    (28, "class path of a part"): (
        changed("[standardise]", "[forecast.data.transforms.log.Log]"),
        "a.yaml:4: transforms.0: there is no transform 'forecast.data.transforms.log.Log'"),
    (29, "address"): (changed("data.csv", "https://example.org/a.csv"),
                      "a.yaml:3: data.csv: must be a file on this machine", "Fetch it"),
    (29, "address of a file"): (
        changed("data.csv", "file:///etc/passwd"), "a.yaml:3: data.csv: must"),
    (30, "horizon 0"): (changed("horizon: 3", "horizon: 0"),
                        "a.yaml:7: model.horizon: must be an integer of at least 1, given: 0."),
    (30, "horizon below 0"): (changed("horizon: 3", "horizon: -2"), "a.yaml:7: model.horizon: "),
    (30, "horizon beyond the data"): (
        changed("horizon: 3", "horizon: 300"),
        "data.csv: too short: the longest series has 40 rows, and at least 600 are needed"),
    (30, "seed below 0"): (changed("seed: 3", "seed: -1"),
                           "a.yaml:2: seed: must be greater than or equal to 0, given: -1."),
    (30, "a million processes"): (changed("kind: ets", "kind: ets, n_jobs: 1000000"),
                                  "a.yaml:9: baselines.1.n_jobs: n_jobs must", "at most 1024"),
    (30, "no process"): (
        changed("kind: ets", "kind: ets, n_jobs: 0"), "a.yaml:9: baselines.1.n_jobs: n_jobs"),
    (9, "unclosed list"): ("a: [1,\n", "a.yaml:2: not readable as YAML"),
    (8, "two colons"): ("a: b: c", "a.yaml:1: not readable as YAML"),
}  # fmt: skip


def titled(key):
    return f"{key[0]:02d} {key[1]}" if isinstance(key, tuple) else None


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in a folder with a table, and with a link that leads out of it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("SEED", "3")
    (folder / "link").symlink_to("..")
    days = pd.date_range("2020-01-01", periods=40).strftime("%Y-%m-%d")
    pd.DataFrame({"ds": days, "y": range(40)}).to_csv("data.csv", index=False)
    return folder


def validated(command, text):
    Path("a.yaml").write_bytes(text.encode())
    return command("validate", "a.yaml")


def test_what_is_changed_below_is_whole_before(command):
    assert validated(command, WHOLE).exit_code == 0


@pytest.mark.parametrize("key", REFUSED, ids=titled)
def test_a_fault_is_told_with_its_line(key, command, here):
    text, begins, *words = REFUSED[key]
    result = validated(command, text)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith(f"Error: {begins}")
    for word in words:
        assert word in result.stderr
    assert {path.name for path in here.iterdir()} == {"a.yaml", "data.csv", "link"}


# (case, name): (text of the value, what it is read as)
READ = {
    (18, "exponent"): ("1e-3", 0.001),
    (18, "exponent and point"): ("1.5E2", 150.0),
    (18, "point first"): (".5", 0.5),
    (18, "minus and point first"): ("-.5", -0.5),
    (19, "NO"): ("NO", "NO"),
    (19, "no"): ("no", "no"),
    (19, "on"): ("on", "on"),
    (19, "yes"): ("yes", "yes"),
    (19, "true"): ("true", True),
    (19, "False"): ("False", False),
    (20, "time of day"): ("12:30:00", "12:30:00"),
    (21, "zero first"): ("010", 10),
    (21, "plus first"): ("+3", 3),
    (21, "hexadecimal"): ("0x1f", "0x1f"),
    (21, "octal"): ("0o17", "0o17"),
    (21, "underscore"): ("1_000", "1_000"),
    (21, "plain"): ("12", 12),
    (22, "zero last"): ("1.10", 1.1),
    (22, "quoted"): ("'1.10'", "1.10"),
    (22, "quoted number"): ("'1'", "1"),
    (22, "quoted word"): ('"true"', "true"),
    (23, "infinity"): (".inf", math.inf),
    (23, "minus infinity"): ("-.inf", -math.inf),
    (24, "date"): ("2024-01-01", "2024-01-01"),
    (5, "null"): ("null", None),
    (5, "tilde"): ("~", None),
    (5, "nothing"): ("", None),
    (27, "variable"): ("$HOME", "$HOME"),
    (27, "variable in braces"): ("${HOME}", "${HOME}"),
}


@pytest.mark.parametrize("key", READ, ids=titled)
def test_a_value_is_what_it_looks_like(key):
    text, value = READ[key]
    read = yaml_source.parse(f"a: {text}").content["a"]
    assert read == value
    assert type(read) is type(value)


@case(18)
def test_a_rate_with_an_exponent_is_recorded_as_a_number():
    from forecast.pipeline import build
    from forecast.pipeline.run import resolve

    document = yaml_source.parse(changed("0.001", "1e-3"), "a.yaml")
    spec = read_spec(document)
    resolved = resolve(spec, build.candidates(spec, document))
    assert resolved["models"]["ecnn"]["training"]["learning_rate"] == 0.001


@case(26)
def test_whoever_starts_the_command_may_name_any_folder(here, command):
    for where in ("../out", here.parent / "elsewhere"):
        Path("a.yaml").write_text(WHOLE)
        flags = ["--set", "model.max_epochs=1", "--set", "model.n_members=1", "--no-track"]
        flags += ["--set", "backtest.origins=1", "--set", "baselines=[naive]"]
        result = command("run", "a.yaml", *flags, "--output", where)
        assert result.exit_code == 0, result.stderr
        assert (here / where / "forecast.csv").exists()


def test_every_case_is_here():
    numbers = {number for number, _ in itertools.chain(REFUSED, READ)} | MARKED
    assert numbers == set(range(1, 31))
