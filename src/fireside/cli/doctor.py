"""`fireside doctor`: looks at everything that Fireside needs, and mends what it can."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from fireside.cli.flags import json_flag, yes_flag
from fireside.cli.languages import _

if TYPE_CHECKING:
    from fireside.doctor import Finding, Said

_SIGNS = {"well": "✓", "note": "·", "problem": "✗"}
_PROBLEMS = 1


@click.command("doctor")
@click.option(
    "--deep", is_flag=True, help=_("Read all of every model file and compare its SHA-256; takes long.")
)
@click.option("--network", is_flag=True, help=_("Ask those whom a download would ask whether they answer."))
@click.option("--fix", is_flag=True, help=_("Mend what can be mended, each after a question."))
@yes_flag
@json_flag
def doctor(deep: bool, network: bool, fix: bool, yes: bool, json: bool) -> None:
    from fireside.cli.output import note, say
    from fireside.doctor import examine

    found: list[tuple[Finding, bool]] = []
    for finding in examine(deep=deep, network=network):
        if not json:
            _show(finding)
        is_mended = fix and finding.mend is not None and _mend(finding, note if json else say, yes=yes)
        found.append((finding, is_mended))
    left = sum(finding.state == "problem" and not is_mended for finding, is_mended in found)
    if json:
        _print_json(found)
    else:
        _conclude(found, left, fix=fix)
    if left:
        raise click.exceptions.Exit(_PROBLEMS)


def _show(finding: Finding) -> None:
    from fireside.cli.output import say

    say(f"{_SIGNS[finding.state]} {_about()[finding.about]}: {_told(finding.what)}")
    if finding.hint:
        say(f"  → {_told(finding.hint)}")
    if finding.mend:
        say("  → " + _("--fix would: {mend}", mend=_told(finding.mend.would)))


def _about() -> Mapping[str, str]:
    return {
        "machine": _("this computer"),
        "engine": _("engine"),
        "libraries": _("program"),
        "configuration": _("settings"),
        "files": _("files"),
        "chats": _("chats"),
        "models": _("models"),
        "address": _("address"),
        "network": _("network"),
    }


def _told(said: Said) -> str:
    """Return a sentence in the person's language. What others wrote has no translation."""
    in_their_language = _
    return in_their_language(said.text, **said.values)


def _mend(finding: Finding, tell: Callable[[str], None], *, yes: bool) -> bool:
    """Mend what was found, where the person agrees; return whether it is mended."""
    from fireside.cli.output import tell_error
    from fireside.errors import FiresideError

    assert finding.mend is not None  # noqa: S101 - the caller looked
    if not yes and not _agrees(_told(finding.mend.would)):
        return False
    try:
        done = finding.mend.do()
    except FiresideError as error:
        tell_error(error)
        return False
    tell(f"  ✓ {_told(done)}")
    return True


def _agrees(question: str) -> bool:
    from fireside.cli.asking import agrees

    if not sys.stdin.isatty():
        return False
    return agrees(question)


def _conclude(found: list[tuple[Finding, bool]], left: int, *, fix: bool) -> None:
    from fireside.cli.output import say

    if not left:
        say(_("everything that was looked at is well"))
    elif fix:
        say(_("what is left needs you; nothing of a running server's is mended: `fireside stop` ends it"))
    elif any(finding.mend for finding, _mended in found):
        say(_("`fireside doctor --fix` mends what it can, each after a question"))


def _print_json(found: list[tuple[Finding, bool]]) -> None:
    from fireside.cli.output import print_json

    print_json(
        [
            {
                "about": finding.about,
                "state": finding.state,
                "text": str(finding.what),
                "hint": str(finding.hint) if finding.hint else None,
                "mend": str(finding.mend.would) if finding.mend else None,
                "mended": is_mended,
            }
            for finding, is_mended in found
        ]
    )
