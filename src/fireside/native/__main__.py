"""`python -m fireside.native build|reset`: one line of JSON on standard output for each step, and for the end."""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from fireside.errors import FiresideError
from fireside.events import Failed
from fireside.native.tuning import Step, Told, build_engine, remove_engine
from fireside.settings import find_home, load_settings


class Removed(msgspec.Struct, frozen=True, tag="removed"):
    was_there: bool


def main() -> int:
    """Return 0 when it is done, 1 after an error."""
    home = find_home()
    try:
        if sys.argv[1:] == ["reset"]:
            _print(Removed(remove_engine(home)))
        else:
            _print(asyncio.run(build_engine(home, load_settings(home), _print)))
    except FiresideError as error:
        _print(Failed(error.code, error.message, error.hint))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _print(what: Step | Told | Removed | Failed) -> None:
    os.write(1, msgspec.json.encode(what) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
