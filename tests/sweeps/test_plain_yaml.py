"""The part of YAML that a study file may use."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sweeps.errors import StudyError
from sweeps.study.plain_yaml import MAX_CHARACTERS, MAX_DEPTH, Value, dump, parse


def value_of(text: str) -> Value:
    return parse(text, "study.yaml")[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.0e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-2", -2),
        ("+3", 3),
        ("007", 7),
        ("1000", 1000),
        ("'1e-3'", "1e-3"),
        ('"true"', "true"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("yes", "yes"),
        ("off", "off"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        (".inf", ".inf"),
        ("1:30", "1:30"),
        ("[a, 1, {b: c}]", ["a", 1, {"b": "c"}]),
        ("a:", {"a": None}),
        ("1: x", {"1": "x"}),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
    ],
)
def test_scalars_are_what_they_look_like(text: str, value: Value) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


def test_every_value_knows_its_line() -> None:
    _, lines = parse("a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n", "study.yaml")
    assert lines[("a",)] == 1
    assert lines[("b",)] == 2
    assert lines["b", 0] == 3
    assert lines["b", 1, "c"] == 4
    assert lines["b", 1, "d"] == 5


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("a: [1, 2\nb: 3", 2, "not valid YAML"),
        ("a: 1\n b: 2", 2, "not valid YAML"),
        ("a:\n\tb: 2", 2, "not valid YAML"),
        ("a: 1\nb: 2\na: 3", 3, "duplicate key 'a', already on line 1"),
        ("x:\n  'a': 1\n  a: 3", 3, "duplicate key 'a', already on line 2"),
        ("\na: !!python/object/apply:os.system [ls]", 2, "tags are not allowed"),
        ("\na: !!str 1", 2, "tags are not allowed"),
        ("a: &x 1\nb: *x", 1, "anchors"),
        ("a: 1\n*x : 2", 2, "aliases"),
        ("a: 1\nb: ${HOME}", 2, "found '${HOME}'"),
        ("a: 1\n'${x}': 2", 2, "found '${x}'"),
        ("a: 1\n[b]: 2", 2, "cannot be a key"),
        ("a: 1\n---\nb: 2", 2, "only one"),
        ("a: 1\nb: 1e999", 2, "too large"),
        ("a: 1\nb: 9223372036854775808", 2, "is too large, allowed: up to 9223372036854775807"),
        ("a: 1\nb: " + "9" * 5000, 2, "too long"),
        ("\n" + "[" * (MAX_DEPTH + 2), 2, "nested deeper"),
    ],
)
def test_what_is_refused_is_named_with_its_line(text: str, line: int, complaint: str) -> None:
    with pytest.raises(StudyError) as refused:
        parse(text, "study.yaml")
    assert str(refused.value).startswith(f"study.yaml, line {line}: ")
    assert complaint in str(refused.value)


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "a: \x00", "\x07"])
def test_nothing_and_noise_are_refused(text: str) -> None:
    with pytest.raises(StudyError, match=r"^study\.yaml: "):
        parse(text, "study.yaml")


def test_a_file_as_large_as_a_data_set_is_not_even_read() -> None:
    with pytest.raises(StudyError, match="larger than"):
        parse("a: 1 #" + "x" * MAX_CHARACTERS, "study.yaml")


def test_in_a_single_line_its_number_says_nothing() -> None:
    with pytest.raises(StudyError, match=r"^override: found the tag"):
        parse("!x 1", "override")


texts = st.text(st.characters(codec="utf-8")).filter(lambda text: "${" not in text)
signs = st.text("?:-,[]{}#&*!|>'\"%@` ~0aet.\n", max_size=4)
words = st.sampled_from(["nULL", "tRUE", "~", "yes", "1e-3", ".inf", "0x10", "---", "x" * 200])
strings = texts | signs | words
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | strings
)
values = st.recursive(
    scalars,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(strings, parts, max_size=3),
    max_leaves=8,
)


@given(values)
@example("?0")
@example(["?0", {"?0": "?0"}])
@example("nULL")
def test_what_is_written_is_read_back(value: Value) -> None:
    assert repr(value_of(dump({"key": value}))) == repr({"key": value})


def test_words_are_written_without_quotes() -> None:
    written = dump({"name": "demo", "metric": "loss/regression", "trainer": "a_b-c.d e"})
    assert written == "{name: demo, metric: loss/regression, trainer: a_b-c.d e}\n"


def test_a_list_in_two_places_is_written_twice() -> None:
    shared: list[Value] = ["a"]
    assert value_of(dump({"one": shared, "two": shared})) == {"one": ["a"], "two": ["a"]}
