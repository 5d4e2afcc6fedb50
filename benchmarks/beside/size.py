"""What has to be installed for each side, the model left out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import fireside
from beside.field import Given
from beside.results import Results

CLOSURE = """
import importlib.metadata as metadata, json, os, sys
from packaging.requirements import Requirement

def needed(name, extras, seen):
    if (name, extras) in seen:
        return
    seen.add((name, extras))
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return  # an optional one
    for line in found.requires or ():
        wanted = Requirement(line)
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": one}) for one in ("", *extras)):
            needed(wanted.name, tuple(sorted(wanted.extras)), seen)

seen = set()
for root in sys.argv[1:]:
    wanted = Requirement(root)
    needed(wanted.name, tuple(sorted(wanted.extras)), seen)
total, counted = 0, set()
for name, _ in seen:
    try:
        files = metadata.distribution(name).files or ()
    except metadata.PackageNotFoundError:
        continue
    for file in files:
        path = os.path.realpath(file.locate())
        if path not in counted and os.path.isfile(path) and not path.endswith(".pyc"):
            counted.add(path)
            total += os.stat(path).st_size
print(json.dumps(total))
"""
"""bytes of distributions and all that they need, by the interpreter that has them"""
TRANSFORMERS = ("torch", "transformers", "accelerate")


def installed_mb(python: Path, *roots: str) -> float:
    found = subprocess.run([python, "-c", CLOSURE, *roots], check=True, capture_output=True, text=True)
    size_bytes: int = json.loads(found.stdout)
    return size_bytes / 1e6


def installed(name: str, given: Given) -> float:
    """Return the megabytes of a side."""
    here = Path(sys.executable)
    there = given.python or here
    native_mb = given.native.stat().st_size / 1e6 if given.native else 0.0
    match name:
        case "fireside":
            own = [path for path in Path(fireside.__file__).parent.rglob("*") if path.suffix != ".pyc"]
            code = sum(path.stat().st_size for path in own if path.is_file())
            return code / 1e6 + installed_mb(here, "fireside")
        case "fireside-native" | "fireside-tuned":
            return installed("fireside", given) + native_mb
        case "engine":
            return installed_mb(here, "xllamacpp")
        case "native":
            return native_mb
        case "openvino":
            return installed_mb(there, "openvino-genai")
        case "serve":
            return installed_mb(there, *TRANSFORMERS, "transformers[serving]")
        case _:
            return installed_mb(there, *TRANSFORMERS)


def measure(given: Given, names: list[str], results: Results) -> None:
    model = given.model.stem
    results.begin("size", model, names)
    for name in names:
        try:
            results.add("size", "installed", name, model, "MB", installed(name, given))
        except (OSError, subprocess.SubprocessError) as error:
            results.fail("size", name, model, str(error))
    results.save()
