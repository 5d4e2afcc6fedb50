"""`python -m fireside.native build [MODEL]|reset|show`: each step and the end as a line of JSON."""

from __future__ import annotations

import asyncio
import sys

from fireside.builds import Prebuilt, Said
from fireside.engines.built import read
from fireside.native.tuning import build_engine, remove_engine
from fireside.settings import find_home, load_settings
from fireside.steps import Say, tell_steps


def asked(say: Say) -> Said:
    home = find_home()
    if sys.argv[1] == "build":
        return asyncio.run(build_engine(home, load_settings(home), say, *sys.argv[2:]))
    if sys.argv[1] == "reset":
        return Prebuilt(removed=remove_engine(home))
    return read(home.engines) or Prebuilt()


if __name__ == "__main__":
    sys.exit(tell_steps(asked))
