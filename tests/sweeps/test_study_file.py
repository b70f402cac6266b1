"""Finding study files, and dotted overrides of what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import StudyError
from sweeps.study.plain_yaml import Value
from sweeps.study.study_file import StudyFile, read_study_file, shipped_studies, text_of

TEXT = """\
name: small
base:
  phases:
    - {kind: adam, steps: 10}
    - {kind: adam, steps: 20}
models:
  pinn:
    space:
      network.width: [1, 2]
"""


def read(*overrides: str) -> StudyFile:
    return read_study_file(TEXT, "small.yaml", overrides)


@pytest.mark.parametrize(
    ("override", "way", "value"),
    [
        ("name=other", ("name",), "other"),
        ("base.phases.1.steps=5e2", ("base", "phases", 1, "steps"), 500.0),
        ("base.phases.0={kind: lbfgs}", ("base", "phases", 0), {"kind": "lbfgs"}),
        ("base.network.width=64", ("base", "network", "width"), 64),
        ("search.runs=null", ("search", "runs"), None),
        ("models.pinn.space.network.width=[8]", ("models", "pinn", "space", "network.width"), [8]),
        ("models.pinn.space={}", ("models", "pinn", "space"), {}),
        ("models.pinn.x.y=1", ("models", "pinn", "x", "y"), 1),
        ("models.new={objective: {kind: pinn}}", ("models", "new", "objective", "kind"), "pinn"),
        ("name=a=b", ("name",), "a=b"),
        ("name=' x '", ("name",), " x "),
    ],
)
def test_an_override_sets_one_value(
    override: str, way: tuple[str | int, ...], value: Value
) -> None:
    file = read(override)
    node: object = file.data
    for key in way:
        assert isinstance(node, dict | list)
        node = node[key]  # type: ignore[index]
    assert node == value
    assert file.place(way) == f"override {override!r}"


def test_the_last_override_counts_and_the_rest_stays() -> None:
    file = read("base.phases.0.steps=1", "base.phases.0.steps=2")
    assert file.data["base"] == {
        "phases": [{"kind": "adam", "steps": 2}, {"kind": "adam", "steps": 20}]
    }
    assert file.place(("base", "phases", 1, "steps")) == "small.yaml, line 5"


def test_what_is_not_there_has_the_place_of_what_would_hold_it() -> None:
    file = read()
    assert file.place(("models", "pinn", "space", "network.depth", 3)) == "small.yaml, line 8"
    assert file.place(("search",)) == "small.yaml, line 1"


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("name", "write it key=value"),
        ("=3", "write it key=value"),
        ("name=", "write it key=value"),
        ("name.first=x", "name is 'small', it has no key 'first'"),
        ("base.phases.2.steps=1", "base.phases is a list: found '2', allowed: 0 to 1"),
        ("base.phases.-1.steps=1", "base.phases is a list: found '-1', allowed: 0 to 1"),
        ("base.phases.last=1", "base.phases is a list: found 'last', allowed: 0 to 1"),
        ("models.pin.x=1", "unknown model 'pin', allowed: pinn; did you mean 'pinn'?"),
        ("name=[", "not valid YAML"),
        ("name=${HOME}", "nothing is filled in here"),
        ("name=!!python/name:os.system", "tags are not allowed"),
        ("name=*x", "aliases"),
    ],
)
def test_an_impossible_override_is_named(override: str, complaint: str) -> None:
    with pytest.raises(StudyError) as refused:
        read(override)
    assert str(refused.value).startswith(f"override {override!r}: ")
    assert complaint in str(refused.value)


@pytest.mark.parametrize("text", ["just text", "[1, 2]", "3"])
def test_a_study_file_holds_keys(text: str) -> None:
    with pytest.raises(StudyError, match="holds keys and values"):
        read_study_file(text, "small.yaml")


def test_a_shipped_study_is_found_by_name_and_a_file_by_path(tmp_path: Path) -> None:
    assert "name: demo" in text_of("demo")
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: mine\r\n")
    assert read_study_file(text_of(str(file)), str(file)).data == {"name": "mine"}


def test_a_study_that_is_nowhere_is_named_with_the_closest() -> None:
    listed = ", ".join(shipped_studies())
    with pytest.raises(StudyError, match=f"'demmo', shipped are: {listed}; did you mean 'demo'"):
        text_of("demmo")


@pytest.mark.parametrize("source", ["", ".", "a\0b", "x" * 5000, "../../etc/nothing"])
def test_a_strange_source_is_a_study_error(source: str) -> None:
    with pytest.raises(StudyError):
        text_of(source)


def test_a_binary_file_is_a_study_error(tmp_path: Path) -> None:
    file = tmp_path / "pickle.yaml"
    file.write_bytes(b"\x80\x04\x95\xff\xfe")
    with pytest.raises(StudyError, match="cannot be read as text"):
        text_of(str(file))
