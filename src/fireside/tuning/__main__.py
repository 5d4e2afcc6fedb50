"""`python -m fireside.tuning tune|reset WISH`: each step and the end as a line of JSON."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from fireside.profiles import Told, Unused, Wish
from fireside.settings import find_home, load_settings
from fireside.steps import Say, tell_steps
from fireside.tuning.tune import remove_profiles, tune


def asked(say: Say) -> Told:
    home, wish = find_home(), msgspec.json.decode(sys.argv[2], type=Wish)
    if sys.argv[1] == "reset":
        return Unused(wish.model or "", removed=remove_profiles(home, wish.model))
    return asyncio.run(tune(home, load_settings(home), wish, say))


if __name__ == "__main__":
    sys.exit(tell_steps(asked))
