"""`python -m fireside.tuning tune|reset WISH`: each step and the end as a line of JSON."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import msgspec

from fireside.errors import FiresideError
from fireside.events import Failed
from fireside.profiles import Told, Unused, Wish
from fireside.settings import Home, find_home, load_settings
from fireside.tuning.tune import remove_profiles, tune


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


def _asked(what: str, home: Home) -> Told:
    wish = msgspec.json.decode(sys.argv[2], type=Wish)
    if what == "reset":
        return Unused(wish.model or "", removed=remove_profiles(home, wish.model))
    return asyncio.run(tune(home, load_settings(home), wish, _print))


def _print(what: Told) -> None:
    os.write(1, msgspec.json.encode(what) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
