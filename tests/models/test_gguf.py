from __future__ import annotations

import contextlib
import os
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import made_gguf
from fireside.errors import ModelDamaged, ModelNotFound
from fireside.models import gguf
from fireside.models.gguf import Header, read_header

SOUND = made_gguf.gguf()


def read(tmp_path: Path, data: bytes) -> Header:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    return read_header(path)


def test_a_small_file_says_what_it_is(tmp_path: Path) -> None:
    header = read(tmp_path, SOUND)
    assert header.architecture == "llama"
    assert header.name == "Tiny"
    assert header.parameters == header.elements == 32 * 4 + 8
    assert header.quantization == "Q4_1"
    assert header.context_length == 2048
    assert header.licence == "apache-2.0"
    assert header.languages == ("en", "zh")
    assert header.has_template
    assert header.vocabulary == 40


def test_the_first_model_says_what_it_is(smollm2: Path) -> None:
    header = read_header(smollm2)
    assert header.architecture == "llama"
    assert header.parameters == 134_515_008
    assert header.context_length == 8192
    assert header.vocabulary == 49152
    assert header.has_template


def test_version_2_is_read_too(tmp_path: Path) -> None:
    assert read(tmp_path, made_gguf.gguf(version=2)).version == 2


def test_a_header_longer_than_the_first_read_is_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf, "FIRST_READ_BYTES", 16)
    assert read(tmp_path, SOUND).vocabulary == 40


def test_missing_facts_are_none_and_not_invented(tmp_path: Path) -> None:
    left_out = ("general.name", "general.license", "general.file_type", "llama.context_length")
    header = read(tmp_path, made_gguf.gguf(without=(*left_out, "tokenizer.chat_template")))
    assert (header.name, header.licence, header.quantization, header.context_length) == (None,) * 4
    assert not header.has_template


def test_a_blank_template_is_none(tmp_path: Path) -> None:
    assert not read(tmp_path, made_gguf.gguf({"tokenizer.chat_template": " \n"})).has_template


def test_names_carry_no_control_characters(tmp_path: Path) -> None:
    header = read(tmp_path, made_gguf.gguf({"general.name": "evil\x1b]52;c;aGk=\x07 name" + "x" * 500}))
    assert header.name is not None
    assert header.name.isprintable()
    assert len(header.name) <= 120


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (made_gguf.gguf(magic=b"FUGG"), "big-endian"),
        (b"PK\x03\x04" + bytes(60), "pickle"),
        (b"\x80\x02" + bytes(60), "pickled"),
        (struct.pack("<Q", 40) + b'{"__metadata__":{}}', "safetensors"),
        (b"<!DOCTYPE html><html>login", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (bytes(100), "zeros"),
        (made_gguf.gguf(version=1), "version 1"),
        (made_gguf.gguf(version=0x03000000), "version"),
        (made_gguf.gguf(tensor_count=2**62), "tensors"),
        (made_gguf.gguf(value_count=2**62), "values"),
        (made_gguf.gguf(tensors=()), "no weights"),
        (made_gguf.gguf(without=("general.architecture",)), "architecture"),
        (
            made_gguf.gguf(tensors=(made_gguf.tensor("a", (8,), 0, 0), made_gguf.tensor("b", (8,), 0, 0))),
            "overlap",
        ),
        (made_gguf.gguf({"general.alignment": 48}), "alignment"),
        (made_gguf.gguf(weights=b"\1" * 100), "cut short"),
        (SOUND[:300], "in the middle of its header"),
        (made_gguf.gguf(tensors=(made_gguf.tensor("a", (2**60,), 0, 0),)), "impossible shape"),
        (made_gguf.gguf(tensors=(made_gguf.tensor("a", (2**63, 2**63), 0, 0),)), "impossible shape"),
        (made_gguf.gguf(tensors=(made_gguf.tensor("a", (33,), 3, 0),)), "whole blocks"),
        (made_gguf.gguf(tensors=(made_gguf.tensor("a", (8,), 0, 2**63),)), "cut short"),
        (made_gguf.gguf(tensors=(made_gguf.tensor("a", (8,), 0, 7),)), "multiple"),
        (made_gguf.gguf(tensors=(made_gguf.tensor("a", (1,) * 5, 0, 0),)), "dimensions"),
        (made_gguf.gguf(tensors=(made_gguf.TENSORS[0],) * 2), "same name"),
        (made_gguf.gguf(tensors=(made_gguf.tensor("n" * 64, (8,), 0, 0),)), "name of 64"),
    ],
)
def test_a_damaged_file_is_refused_with_what_is_wrong(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ModelDamaged, match=reason) as refused:
        read(tmp_path, data)
    assert refused.value.hint


def with_array(kind: int, count: int, rest: bytes = b"") -> bytes:
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + made_gguf.text("list")
    return header + struct.pack("<IIQ", made_gguf.ARRAY, kind, count) + rest + bytes(256)


@pytest.mark.parametrize(
    "data",
    [
        with_array(made_gguf.STRING, 2**61),
        with_array(made_gguf.U32, 2**61),
        with_array(made_gguf.ARRAY, 1, struct.pack("<IQ", made_gguf.ARRAY, 1) * 1000),
        with_array(99, 1),
        with_array(made_gguf.STRING, 2, struct.pack("<Q", 2**64 - 1)),
    ],
)
def test_impossible_lists_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelDamaged):
        read(tmp_path, data)


def test_a_header_without_end_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "endless.gguf"
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", 3) + b"key")
        file.write(struct.pack("<IQ", made_gguf.STRING, 1 << 40))
        file.truncate(1 << 41)  # sparse: takes no room
    with pytest.raises(ModelDamaged, match="longer than"):
        read_header(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(SOUND) - 1), st.binary(min_size=1, max_size=9)), max_size=4
    ),
    end=st.integers(0, len(SOUND)),
)
def test_no_change_of_the_bytes_does_more_than_damage(
    tmp_path: Path, changes: list[tuple[int, bytes]], end: int
) -> None:
    data = bytearray(SOUND)
    for position, replacement in changes:
        data[position : position + len(replacement)] = replacement
    path = tmp_path / "changed.gguf"
    path.write_bytes(data[:end] if end % 3 else data)
    gguf._header.cache_clear()
    tracemalloc.start()
    with contextlib.suppress(ModelDamaged):
        read_header(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_not_found(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.gguf"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(ModelNotFound) as refused:
        read_header(path)
    assert refused.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_not_found(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(SOUND)
    path.chmod(0)
    with pytest.raises(ModelNotFound, match="can't be read"):
        read_header(path)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    assert read(tmp_path, SOUND).name == "Tiny"
    assert read(tmp_path, made_gguf.gguf({"general.name": "Other one"})).name == "Other one"
