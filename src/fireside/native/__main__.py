"""`python -m fireside.native build|reset|show`: each step and the end as a line of JSON."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import msgspec

from fireside.builds import Prebuilt, Said
from fireside.engines.built import read
from fireside.errors import FiresideError
from fireside.events import Failed
from fireside.native.tuning import build_engine, remove_engine
from fireside.settings import Home, find_home, load_settings


def main() -> int:
    """Return 0 when it is done, 1 after an error, 130 when it was interrupted."""
    # A server that was started in the background of a script passes on that interruptions are ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _print(_asked(sys.argv[1], find_home()))
    except FiresideError as error:
        _print(Failed(error.code, error.message, error.hint))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _asked(what: str, home: Home) -> Said:
    if what == "build":
        return asyncio.run(build_engine(home, load_settings(home), _print))
    if what == "reset":
        return Prebuilt(removed=remove_engine(home))
    return read(home.engines) or Prebuilt()


def _print(what: Said) -> None:
    os.write(1, msgspec.json.encode(what) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
