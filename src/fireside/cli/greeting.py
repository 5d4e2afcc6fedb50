"""What `fireside serve` says once it is up: its address and, for other devices, a key and a QR code."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from fireside.cli.languages import _
from fireside.cli.output import say, write

if TYPE_CHECKING:
    from fireside.cards import NewKey, Pairing
    from fireside.runtime import Runtime

WHITE_ON_BLACK = "\x1b[97;40m"
AS_BEFORE = "\x1b[0m"


def greet(runtime: Runtime, made: NewKey | None, pairing: Pairing | None, *, is_shared: bool) -> None:
    """Say where the server is. The key is never part of an address: those are remembered and passed on.

    What the QR code holds behind the address is good once, and not for long.
    """
    here = runtime.open_at[0] if runtime.open_at else runtime.address
    say(_("Fireside is at {address} (Ctrl-C stops it)", address=here + "/"))
    if made is not None:
        say(_("key: {key}", key=made.secret))
        say(_("Keep it: it can't be shown again. From now on every other program needs a key too."))
    elif is_shared and pairing is None:
        say(_("Other devices need a key: `fireside keys new NAME` makes one."))
    if not is_shared or not runtime.open_at:
        return
    if pairing is not None:
        show_pairing(pairing)
    else:
        draw(qr_code(here + "/"))


def show_pairing(pairing: Pairing) -> None:
    """Show how one more device gets in."""
    minutes = round(pairing.expires_in_s / 60)
    say(
        _(
            "Within {minutes} minutes this signs one device in; `fireside keys pair` shows another:",
            minutes=minutes,
        )
    )
    say(pairing.address)
    draw(qr_code(pairing.address))


def draw(code: str) -> None:
    """Draw it white on black, whatever the colours; not at all where it would be question marks."""
    try:
        code.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return
    if sys.stdout.isatty():
        code = "".join(f"{WHITE_ON_BLACK}{line}{AS_BEFORE}\n" for line in code.splitlines())
    write(code)


def qr_code(address: str) -> str:
    """Return lines that a phone's camera reads as `address`."""
    import segno

    drawn = io.StringIO()
    segno.make(address, error="m", micro=False).terminal(drawn, compact=True)
    return drawn.getvalue()
