"""A library with the small real model in it, and what converts it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fireside.converting.conversions import Conversions
from fireside.engines.registry import starter
from fireside.model_files import ModelFiles
from fireside.models.library import Library
from fireside.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def library(home: Path) -> Library:
    return Library(home, os.environ)


@pytest.fixture
def conversions(home: Path, library: Library) -> Conversions:
    settings = Settings(threads=1, prompt_threads=1)
    return Conversions(home, library, ModelFiles(library, settings), starter(), lambda: settings)
