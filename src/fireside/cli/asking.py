"""Questions that a command asks before it does what can't be taken back."""

from __future__ import annotations

import sys

import click

from fireside.cli.languages import _
from fireside.errors import BadRequest

_YES = frozenset({"y", "yes", "是", "好"})


def confirm(question: str, *, yes: bool) -> None:
    """Go on when the person agrees, or said `--yes`; otherwise end the command with 1."""
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise BadRequest(_("nobody is there to be asked: {question}", question=question), hint="--yes")
    if not agrees(question):
        sys.stderr.write(_("nothing was changed") + "\n")
        raise click.exceptions.Exit(1)


def agrees(question: str) -> bool:
    """Return whether the person in front of the terminal says yes."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().casefold() in _YES
