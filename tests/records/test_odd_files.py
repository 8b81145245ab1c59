"""Files that may be anything: what is right is read, and what is not is one line that says what it is."""

import os
import re
import socket

import pytest

from fpd_bench.errors import OddFile
from fpd_bench.records import layout, odd_files
from fpd_bench.records.odd_files import DEEPEST, parse_json, parse_yaml, require_types


def nested(levels, opening=b"[", closing=b"]"):
    return opening * levels + closing * levels


def test_a_file_is_read_whole_up_to_the_most_that_is_allowed(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert odd_files.read_bytes(tmp_path / "x", 5) == b"12345"
    with pytest.raises(OddFile, match=r"^x has 5 bytes$"):
        odd_files.read_bytes(tmp_path / "x", 4)


def test_what_is_no_file_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    (tmp_path / "folder").mkdir()
    os.mkfifo("pipe")
    (tmp_path / "file").write_text("")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("plug")
        for name, said in {
            "folder": "folder is a directory, not a file",
            "pipe": "pipe is a fifo, not a file",
            "plug": "plug cannot be read: ",
            "file/inside": "file is not a directory",
        }.items():
            with pytest.raises(OddFile, match=f"^{said}"):
                odd_files.read_bytes(tmp_path / name)
    with pytest.raises(OddFile, match="^null is a device, not a file$"):
        odd_files.read_bytes(type(tmp_path)("/dev/null"))
    with pytest.raises(FileNotFoundError):
        odd_files.read_bytes(tmp_path / "nothing")


def test_text_is_utf8_and_a_missing_file_has_none(tmp_path):
    (tmp_path / "x").write_bytes(b"\xc3\xa9")
    (tmp_path / "y").write_bytes(b"\xff")
    assert odd_files.read_text(tmp_path / "x") == "é" and odd_files.read_text(tmp_path / "nothing") is None
    with pytest.raises(OddFile, match="^y is not text$"):
        odd_files.read_text(tmp_path / "y")


@pytest.mark.parametrize("deep", [b"[%s]", b'{"a": %s}'])
def test_json_may_be_wide_but_not_deep(deep):
    right, wrong = b"1", b"1"
    for _ in range(DEEPEST):
        right = deep % right
    for _ in range(DEEPEST + 1):
        wrong = deep % wrong
    assert parse_json(right, "x.json")
    with pytest.raises(OddFile, match="^x.json is nested too deep$"):
        parse_json(wrong, "x.json")
    assert len(parse_json(b"[" + b"[],{}," * 200 + b"1]", "x.json")) == 401
    assert len(parse_json(b"[[]," + nested(DEEPEST - 1) + b"]", "x.json")) == 2  # as deep as it may be
    with pytest.raises(OddFile, match="^x.json is nested too deep$"):
        parse_json(nested(100_000), "x.json")


def test_yaml_may_be_wide_but_not_deep():
    assert parse_yaml("a: " + nested(DEEPEST - 1).decode(), "x.yaml")["a"]
    assert len(parse_yaml("a: [" + "[], " * 200 + "1]", "x.yaml")["a"]) == 201
    for text in ("a: " + nested(DEEPEST + 1).decode(), nested(100_000, b"{a: ", b"}").decode()):
        with pytest.raises(OddFile, match="^x.yaml is nested too deep$"):
            parse_yaml(text, "x.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\nb: *x", "x.yaml has anchors, which no configuration of ours has"),
        ("- 1", "x.yaml is no mapping"),
        ("a: [", "x.yaml is not YAML: .*"),
        ("a: 2026-99-99", "x.yaml is not YAML: .*"),
    ],
)
def test_yaml_that_is_no_configuration_is_refused(text, said):
    with pytest.raises(OddFile, match=f"^{said}$"):
        parse_yaml(text, "x.yaml")


@pytest.mark.parametrize("value", [0, -(2**63), 2**63 - 1, None])
def test_a_whole_number_of_64_bits_is_right(value):
    require_types({"n": value}, {"n": int}, "x.json")


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        ("1", int, "x.json: n is '1', not a whole number"),
        (True, int, "x.json: n is True, not a whole number"),
        (True, (int, float), "x.json: n is True, not a number"),
        ("a" * 60, dict, f"x.json: n is '{'a' * 39}, not a mapping"),
        (2**63, int, f"x.json: n is {2**63}, more than 64 bits"),
        (-(2**63) - 1, int, f"x.json: n is {-(2**63) - 1}, more than 64 bits"),
        (10**40, int, f"x.json: n is 1{'0' * 19}... (41 digits), more than 64 bits"),
    ],
)
def test_a_field_of_another_type_is_named_with_its_value(value, kind, said):
    with pytest.raises(OddFile, match=f"^{re.escape(said)}$"):
        require_types({"n": value}, {"n": kind}, "x.json")


def test_a_bool_is_right_where_one_is_asked_for():
    require_types({"n": True}, {"n": bool}, "x.json")


@pytest.mark.parametrize("text", [None, "[]", "{", '{"semantic": 1}', "{}"])
def test_an_identity_that_says_nothing_is_empty(tmp_path, text):
    if text is not None:
        (tmp_path / layout.IDENTITY).write_text(text)
    assert layout.read_identity(tmp_path) == {"semantic": {}}


def test_an_identity_keeps_what_it_says(tmp_path):
    (tmp_path / layout.IDENTITY).write_text('{"run_id": "a", "semantic": {"seed": 1}}')
    assert layout.read_identity(tmp_path) == {"run_id": "a", "semantic": {"seed": 1}}


def test_a_run_id_is_twelve_hex_digits():
    assert layout.is_run_id("0123456789ab") and layout.is_run_id("ffffffffffff")
    assert not any(map(layout.is_run_id, ("0123456789a", "0123456789abc", "0123456789ag", "0123456789AB", "")))
