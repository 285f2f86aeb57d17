from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readiness.exceptions import ConfigError
from readiness.yaml_source import MAX_BYTES, MAX_DEPTH, MAX_NODES, load, parse


def _data(text: str) -> object:
    return parse(text.encode(), file="x.yaml").data


def _refused(raw: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(raw.encode() if isinstance(raw, str) else raw, file="x.yaml")
    assert caught.value.file == "x.yaml"
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # Measured with docker compose 2.26, which reads YAML with Go's yaml.v3.
        ("010", 8),
        ("0o17", 15),
        ("08", 8),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("+5", 5),
        ("-7", -7),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("12345678901234567890123", 1.2345678901234568e22),
        ("18446744073709551615", 18446744073709551615),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2027-03-01", "2027-03-01"),
        ("True", True),
        ("false", False),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("0o", "0o"),
    ],
)
def test_scalars_resolve_as_compose_resolves_them(text: str, value: object) -> None:
    found = _data(f"key: {text}")
    assert found == {"key": value}
    assert isinstance(found, dict)
    assert type(found["key"]) is type(value)


def test_every_value_has_its_line() -> None:
    document = parse(b"a: 1\nb:\n  - x\n  - y: 2\n    z: 3\n", file="x.yaml")
    assert document.line_of(("a",)) == 1
    assert document.line_of(("b",)) == 2
    assert document.line_of(("b", 0)) == 3
    assert document.line_of(("b", 1, "z")) == 5
    assert document.line_of("/b/1/z") == 5


def test_line_of_something_absent_is_its_nearest_parents() -> None:
    document = parse(b"\na:\n  b: 1\n", file="x.yaml")
    assert document.line_of(("a", "nope", "deeper")) == 2
    assert document.line_of(("nope",)) == document.line_of(())


def test_merge_keys_fill_in_and_own_keys_win_with_their_own_lines() -> None:
    document = parse(b"base: &b {x: 1, y: 2}\nmore: &m {x: 9, z: 3}\nuse:\n  <<: [*b, *m]\n  y: 5\n", file="x.yaml")
    assert document.data["use"] == {"x": 1, "y": 5, "z": 3}
    assert document.line_of(("use", "y")) == 5
    assert document.line_of(("use", "x")) == 1


def test_a_quoted_merge_sign_is_an_ordinary_key() -> None:
    assert _data("'<<': 1") == {"<<": 1}


def test_repeated_key_names_both_lines() -> None:
    error = _refused("a: 1\nb: 2\na: 3\n")
    assert error.line == 3
    assert "first on line 1" in error.message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: !!python/object/apply:os.system [id]", 2, "!!python/object/apply:os.system"),
        ("a: !reset null", 1, "!reset"),
        ("a: !!set {x}", 1, "!!set"),
        ("a: !!binary aGk=", 1, "!!binary"),
        ("a: !!int x", 1, "does not fit"),
        ("a: !!map [1]", 1, "does not fit"),
        ("a: !!str {b: 1}", 1, "does not fit"),
        ("a: 1\n404: x", 2, "must be text"),
        ("true: x", 1, "true or false"),
        ("? [a]\n: b", 1, "must be text"),
        ("{[a]: b}", 1, "must be text"),
        ("a:\n\t- b", 2, "tab"),
        ("---\na: 1\n---\nb: 2", 3, "one YAML document"),
        ("a: [1\nb: 2", 2, "not YAML"),
        ("a: 1\n  b: 2", 2, "not YAML"),
        ("a: 'x", 1, "not YAML"),
        ("a: *nobody", 1, "nobody"),
        ("a: &a [*a]", 1, "contains it"),
        ("a: &a {b: *a}", 1, "contains it"),
        ("a: &a {<<: *a}", 1, "contains it"),
        ("<<: 3", 1, "merge key"),
        ("a: .inf", 1, "finite"),
        ("a: 1e999", 1, "finite"),
        ("a: " + "9" * 5000, 1, "finite"),
        ("a: \x07", 1, "U+0007"),
        ('a: "\\ud800"', 1, "surrogate"),
        ('a: "\\U99999999"', None, "not YAML"),
        ("%YAML 9.9\n---\na: 1", 1, "not YAML"),
        ("", 1, "empty"),
        ("# nothing\n", 1, "empty"),
    ],
)
def test_bad_yaml_names_the_line_and_what_is_wrong(text: str, line: int | None, words: str) -> None:
    error = _refused(text)
    assert error.line == line
    assert words in error.message


def test_local_tags_are_ignored_only_where_allowed() -> None:
    text = b"a: !reset null\nb: !override [1]\nc: !reset 5\n"
    tags = frozenset({"!reset", "!override"})
    assert parse(text, file="x.yaml", local_tags=tags).data == {"a": None, "b": [1], "c": 5}


@pytest.mark.parametrize("raw", [b"\xff\xfea\x00", b"\x89PNG\r\n\x1a\n\x00", b"a: 1\nb: \xe9\n"])
def test_bytes_that_are_not_utf8_are_refused(raw: bytes) -> None:
    error = _refused(raw)
    assert "UTF-8" in error.message
    assert error.line == raw.count(b"\n", 0, 5) + 1


def test_a_byte_order_mark_is_no_problem() -> None:
    assert parse(b"\xef\xbb\xbfa: 1", file="x.yaml").data == {"a": 1}


def test_billion_laughs_are_refused_before_they_are_expanded() -> None:
    levels = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert "aliases are expanded" in _refused("\n".join(levels)).message


def test_one_long_text_behind_many_aliases_is_refused() -> None:
    text = "a: &a " + "x" * 10_000 + "\nb: [" + ", ".join(["*a"] * 100) + "]"
    assert "of text once aliases are expanded" in _refused(text).message


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("[" * 100_000, f"{MAX_DEPTH} levels"),
        ("- " * 100_000, f"{MAX_DEPTH} levels"),
        ("? " * 100_000, f"{MAX_DEPTH} levels"),
        ("{a: " * 1000 + "}" * 1000, f"{MAX_DEPTH} levels"),
        ("[" + "1," * (MAX_NODES + 1) + "]", f"more than {MAX_NODES}"),
        ("a" * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_what_exceeds_a_bound_is_refused(raw: str, words: str) -> None:
    assert words in _refused(raw).message


def test_load_reads_a_file_and_shows_it_under_the_given_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1\n")
    assert load(tmp_path / "a.yaml").data == {"a": 1}
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match=r"\Amine:1: "):
        load(tmp_path / "a.yaml", shown="mine")


def test_what_is_not_a_regular_file_is_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    cases = {
        tmp_path: "folder",
        tmp_path / "pipe": "regular file",
        tmp_path / "nothing.yaml": "no such file",
        tmp_path / "loop": "cannot be read",
        Path("/dev/zero"): "regular file",
        tmp_path / "a\0b": "cannot be read",
        tmp_path / ("x" * 300): "cannot be read",
    }
    for path, words in cases.items():
        with pytest.raises(ConfigError, match=words):
            load(path)


_WORDS = [
    "b: ",
    "- ",
    "&x ",
    "*x ",
    "<<: ",
    "!!int ",
    "!x ",
    "|\n",
    ">-\n",
    "0x",
    "1_",
    "0b",
    "1e9",
    ".inf",
    "---\n",
    "%YAML",
]
_FRAGMENTS = st.sampled_from([*"a: []{},?#~@`'\"\\\n\r\té\u2028", *_WORDS])


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(_FRAGMENTS, max_size=40).map("".join), st.text(max_size=80)))
def test_any_text_is_read_or_refused_with_a_config_error(text: str) -> None:
    try:
        data = parse(text.encode("utf-8", "surrogatepass"), file="x.yaml").data
    except ConfigError:
        return
    assert json.loads(json.dumps(data, allow_nan=False)) == data


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_config_error(raw: bytes) -> None:
    try:
        data = parse(raw, file="x.yaml").data
    except ConfigError:
        return
    json.dumps(data, allow_nan=False).encode()


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text("abc :#'\"\n-é", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text("xyz", min_size=1, max_size=3), _PLAIN, min_size=1, max_size=3))
def test_json_is_read_back_as_it_was(data: dict[str, object]) -> None:
    assert parse(json.dumps(data).encode(), file="x.yaml").data == data
