"""Every sentence of the terminal is there in every language, with the same placeholders."""

from __future__ import annotations

import ast
import importlib
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import fireside.cli
from fireside import errors
from fireside.cli import languages

ROOT = Path(fireside.cli.__file__).parent.parent
SPEAKING = (*(ROOT / "cli").rglob("*.py"), *(ROOT / "doctor").rglob("*.py"), ROOT / "predictions.py")
"""where sentences stand that the terminal shows"""
OTHERS = [code for code in languages.available() if code != languages.ENGLISH]


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    languages.use("en")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def sentences() -> Iterator[tuple[str, set[str], str]]:
    """Each sentence of the sources, the names of its values, and where it stands."""
    for file in SPEAKING:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                where = f"{file.relative_to(ROOT)}:{node.lineno}"
                values = {keyword.arg for keyword in node.keywords if keyword.arg}
                if node.func.id in ("_", "said"):
                    yield literal(node.args[0], where), values, where
                elif node.func.id == "_n":
                    yield literal(node.args[1], where), values | {"count"}, where


def literal(node: ast.expr, where: str) -> str:
    assert isinstance(node, ast.Constant), f"{where}: the sentence must be written out"
    assert isinstance(node.value, str), f"{where}: the sentence must be text"
    return node.value


def test_every_value_of_a_sentence_is_named_in_it() -> None:
    wrong = [where for text, values, where in sentences() if values and placeholders(text) != values]
    assert not wrong


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_is_translated_and_none_is_superfluous(code: str) -> None:
    texts = importlib.import_module(f"fireside.cli.languages.{code}").TEXTS
    used = {text for text, _, _ in sentences()}
    assert sorted(used - set(texts)) == []
    assert sorted(set(texts) - used) == []


@pytest.mark.parametrize("code", OTHERS)
def test_a_translation_has_the_placeholders_of_its_sentence(code: str) -> None:
    texts = importlib.import_module(f"fireside.cli.languages.{code}").TEXTS
    assert [text for text, said in texts.items() if placeholders(text) != placeholders(said)] == []


@pytest.mark.parametrize("code", OTHERS)
def test_every_error_of_the_tree_has_a_sentence(code: str) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.code for kind in kinds if issubclass(kind, errors.FiresideError)}
    assert set(importlib.import_module(f"fireside.cli.languages.{code}").ERRORS) == codes


def test_an_error_keeps_its_details_after_the_sentence() -> None:
    error = errors.ModelNotFound("no model x")
    languages.use("en")
    assert languages.explained(error) == "no model x"
    languages.use("zh_CN.UTF-8")
    assert languages.explained(error) == "找不到模型 (no model x)"


def test_an_error_of_the_terminal_itself_is_told_once() -> None:
    languages.use("zh")
    assert languages.explained(errors.Conflict(languages._("nothing was said yet"))) == "还没有说过什么"


def test_an_unknown_language_is_english() -> None:
    languages.use("zh")
    languages.use("../../etc")
    assert languages.explained(errors.ModelNotFound("no model x")) == "no model x"
