"""`python -m fireside` and the command `fireside`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that `sys.argv` names; ends with its exit code."""
    from fireside.cli.main import run

    sys.exit(run())


if __name__ == "__main__":
    main()
