"""Editing a text in the person's own editor, where nothing that was typed is ever lost."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from fireside.cli.languages import _
from fireside.cli.output import say, tell_error
from fireside.errors import ConfigError, FiresideError


def edited(text: str, *, suffix: str, keep: Callable[[str], None]) -> str | None:
    """Let the person change `text` until `keep` takes it, and return it; None when nothing was changed.

    `keep` refuses with a FiresideError: it is shown, and the same text can be edited again. When the
    person doesn't want to, the error is raised, and its hint says in which file the text is.
    """
    descriptor, name = tempfile.mkstemp(prefix="fireside-", suffix=suffix)
    os.close(descriptor)
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    while True:
        open_editor(path)
        try:
            changed = path.read_text(encoding="utf-8")
            if changed == text:
                path.unlink()
                return None
            keep(changed)
        except (FiresideError, UnicodeDecodeError) as error:
            refused = _refused(error)
            tell_error(refused)
            if not _again():
                say(_("your text is in {path}", path=path))
                raise refused from error
        else:
            path.unlink()
            return changed


def open_editor(path: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Run the editor on the file and wait until it is closed."""
    fallback = "notepad" if sys.platform == "win32" else "vi"
    editor = environ.get("VISUAL") or environ.get("EDITOR") or fallback
    try:
        subprocess.run([*shlex.split(editor, posix=sys.platform != "win32"), str(path)], check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise ConfigError(
            _("the editor {editor} failed: {reason}", editor=editor, reason=error),
            hint=_("set EDITOR to an editor; your text is in {path}", path=path),
        ) from error


def _refused(error: FiresideError | UnicodeDecodeError) -> FiresideError:
    if isinstance(error, FiresideError):
        return error
    return ConfigError(_("the text is not UTF-8 at byte {place}", place=error.start))


def _again() -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    sys.stderr.write(_("Edit it again? [Y/n] "))
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return answer != "" and answer.strip().casefold() not in ("n", "no", "否", "不")
