"""`python -m fireside.native build [MODEL]|reset|show`: each step and the end as a line of JSON."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from fireside.builds import Prebuilt, Said
from fireside.engines.built import read
from fireside.native import source
from fireside.native.tuning import build_engine, remove_engine
from fireside.settings import find_home, load_settings
from fireside.steps import Say, tell_steps


def asked(say: Say) -> Said:
    home = find_home()
    if sys.argv[1] == "build":
        return asyncio.run(build_engine(home, load_settings(home), say, *sys.argv[2:]))
    if sys.argv[1] == "reset":
        return Prebuilt(removed=remove_engine(home))
    found = read(home.engines)
    if found is None:
        return Prebuilt()
    return msgspec.structs.replace(found, outdated=not source.is_source_of(found))


if __name__ == "__main__":
    sys.exit(tell_steps(asked))
