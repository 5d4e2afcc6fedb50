"""`python -m fireside` and the command `fireside`."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path


def main() -> None:
    """Run the command that `sys.argv` names; ends with its exit code."""
    from fireside.cli.languages import use
    from fireside.settings import find_home

    use(_language(find_home().config_file))
    # Only now: the commands' own descriptions are in the person's language too.
    from fireside.cli.main import run

    sys.exit(run())


def _language(config_file: Path) -> str | None:
    """Return the language that the file names; what else is wrong with it is said by those who need it."""
    if "FIRESIDE_LANGUAGE" in os.environ or not config_file.exists():
        return None
    try:
        named = tomllib.loads(config_file.read_text(encoding="utf-8")).get("language")
    except (OSError, ValueError):
        return None
    return named if isinstance(named, str) else None


if __name__ == "__main__":
    main()
