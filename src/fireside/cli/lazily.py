"""A group of commands whose modules are imported when they are asked for: every command starts fast."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from fireside.cli.languages import _

Commands = Mapping[str, tuple[str, str]]
"""Each command's place, as `module:name`, and what it does, so that the help needs none of them."""


class LazyGroup(click.Group):
    """Has the commands of `table` beside those that were added to it."""

    def __init__(self, *args: Any, table: Commands, **named: Any) -> None:
        super().__init__(*args, **named)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands, *self._table]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return super().get_command(ctx, cmd_name)
        place, does = self._table[cmd_name]
        module, _colon, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        command.help = command.help or does
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = [(name, command.get_short_help_str(80)) for name, command in self.commands.items()]
        with formatter.section(_("Commands")):
            formatter.write_dl([*own, *((name, does) for name, (_place, does) in self._table.items())])
