"""The rules of CONTRIBUTING.md that a machine can check."""

from __future__ import annotations

import ast
import re
import tomllib
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULE_LINES, FUNCTION_LINES = 400, 60
SAYS_NOTHING = {"utils", "helpers", "common", "core", "manager", "misc"}
SOURCES = sorted(path for folder in ("src", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
CODE = sorted((ROOT / "src").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MODULE_LINES
    assert path.stem not in SAYS_NOTHING
    functions = (
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES]
    assert not long


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body


def test_ci_runs_the_readmes_test_command() -> None:
    commands = re.findall(r"^```(?:sh|bash)\n(.*?)\n```", (ROOT / "README.md").read_text(), re.M | re.S)
    tested = [command for command in commands if "pytest" in command]
    assert len(tested) == 1
    assert tested[0] in (ROOT / ".ci" / "run").read_text()


def test_the_readme_starts_the_chat_with_what_the_project_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "fireside" in project["scripts"]
    assert "pip install . && .venv/bin/fireside\n" in (ROOT / "README.md").read_text()


def test_every_setting_is_documented() -> None:
    from msgspec.structs import fields

    from fireside.settings import RemoteSettings, SamplingSettings, Settings

    reference = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    tables = (Settings, SamplingSettings, RemoteSettings)
    names = [field.name for table in tables for field in fields(table)]
    assert [name for name in names if f"`{name}`" not in reference] == []


async def test_every_route_is_documented(tmp_path: Path) -> None:
    from fireside.settings import Settings
    from visiting import Place, routes_of

    reference = (ROOT / "docs" / "reference" / "http.md").read_text(encoding="utf-8")
    said = set(re.findall(r"`([A-Z]+ /[^`?]*)", re.sub(r"\{[^}]+\}", "{}", reference)))
    async with AsyncExitStack() as opened:
        place = Place(tmp_path, Settings(), opened)
        opened.push_async_callback(place.app.aclose)
        routes = {f"{method} {re.sub(r'{[^}]+}', '{}', path)}" for method, path in routes_of(place.api)}
    assert len(routes) > 50
    # What answers GET answers HEAD, without the body.
    assert sorted(route for route in routes - said if not route.startswith("HEAD ")) == []
    assert sorted(said - routes) == []
