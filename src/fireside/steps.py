"""A process of its own that says its steps, its end or its error as lines of JSON on standard output."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import msgspec

from fireside.errors import FiresideError
from fireside.events import Failed

Say = Callable[[msgspec.Struct], None]


def tell_steps(work: Callable[[Say], msgspec.Struct]) -> int:
    """Run `work`, which is given what says a step and returns what is said at the end.

    Return the exit status: 0 when it is done, 1 after an error, 130 when it was interrupted.
    """
    # A server that was started in the background of a script passes on that interruptions are ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _say(work(_say))
    except FiresideError as error:
        _say(Failed(error.code, error.message, error.hint))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _say(what: msgspec.Struct) -> None:
    os.write(1, msgspec.json.encode(what) + b"\n")
