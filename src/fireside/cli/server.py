"""The commands that are about the server itself and about all the data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fireside.cli.asking import confirm
from fireside.cli.flags import json_flag, yes_flag
from fireside.cli.languages import _, _n
from fireside.cli.running import run, wait_for

if TYPE_CHECKING:
    from fireside.cards import NewKey, Pairing, ServerStatus
    from fireside.client.routes import AsyncClient
    from fireside.runtime import Runtime


@click.command("serve")
@click.option("--host", metavar="ADDRESS", help=_("The address to listen on."))
@click.option("--port", type=click.IntRange(0, 65535), metavar="NUMBER", help=_("0 takes any free port."))
@click.option("--lan", is_flag=True, help=_("Let other devices in, by a key; one is made if there is none."))
@click.option("--started-by", type=click.Choice(["serve", "command"]), default="serve", hidden=True)
@click.option("--load", metavar="MODEL", hidden=True)
def serve(host: str | None, port: int | None, lan: bool, started_by: str, load: str | None) -> None:
    from fireside.errors import FiresideError

    if lan and host is not None:
        raise click.UsageError(_("choose one of --lan and --host"))
    try:
        _serve(host, port, lan, started_by, load)
    except FiresideError as error:
        if started_by == "serve":
            raise
        import msgspec

        from fireside.client.background import LastWords

        sys.stderr.write(msgspec.json.encode(LastWords.of(error)).decode() + "\n")
        raise click.exceptions.Exit(1) from error


def _serve(host: str | None, port: int | None, lan: bool, started_by: str, load: str | None) -> None:
    import msgspec

    from fireside.cli.greeting import greet
    from fireside.server.listening import LAN_HOST, is_beyond_loopback
    from fireside.server.run import serve as serve_until_stopped
    from fireside.settings import find_home, load_settings

    home = find_home()
    settings = load_settings(home)
    given = {"host": LAN_HOST if lan else host, "port": port}
    named = {key: value for key, value in given.items() if value is not None}
    settings = msgspec.structs.replace(settings, **named)

    def told(runtime: Runtime, made: NewKey | None, pairing: Pairing | None) -> None:
        if started_by == "serve":
            greet(runtime, made, pairing, is_shared=is_beyond_loopback(settings.host))

    serve_until_stopped(settings, home, started_by, makes_key=lan, load=load, told=told)


@click.command("status")
@json_flag
def status(json: bool) -> None:
    from fireside.cli.output import print_json

    found = wait_for(_status())
    if json:
        print_json(found)
    else:
        _print_status(found)


async def _status() -> ServerStatus:
    """Return the status of the server that runs; one isn't started for that."""
    from fireside.client.connection import Connection
    from fireside.client.routes import AsyncClient
    from fireside.errors import ServerUnavailable
    from fireside.runtime import find
    from fireside.settings import find_home

    home = find_home()
    running = find(home)
    if running is None:
        raise ServerUnavailable(
            _("no server is running for {folder}", folder=home.data),
            hint=_("`fireside serve` starts one, and so does every command that needs it"),
        )
    async with Connection(running) as connection:
        return await AsyncClient(connection).status()


def _print_status(found: ServerStatus) -> None:
    from fireside.cli.output import print_fields, say, size
    from fireside.cli.threads import words as words_of
    from fireside.cli.whereabouts import elsewhere

    whose = _("started by a command") if found.started_by == "command" else _("started by `fireside serve`")
    default_place = elsewhere(found.default_alias_of or found.default_model)
    counts = [
        _n("{count} conversation", "{count} conversations", found.conversations),
        _n("{count} message", "{count} messages", found.messages),
        _("{count} in the trash", count=found.trash) if found.trash else "",
    ]
    engines = sum(engine.resident_bytes or 0 for engine in found.engines)
    memory = size(found.resident_bytes)
    if engines:
        memory += " + " + _("{size} for models", size=size(engines))
    print_fields(
        [
            (_("address"), found.address),
            (_("open at"), ", ".join(found.open_at)),
            (_("server"), f"Fireside {found.version}, {whose}, " + _("process {pid}", pid=found.pid)),
            (_("up for"), _duration(found.uptime_s)),
            (_("memory"), memory),
            (_("model"), " · ".join(filter(None, (found.default_model, default_place)))),
            (_("kept"), ", ".join(count for count in counts if count)),
            (_("folder"), found.home),
            (_("database"), f"{found.database} ({size(found.database_bytes)})"),
            (_("running"), _n("{count} reply", "{count} replies", found.running_replies)),
        ]
    )
    for engine in found.engines:
        words = _("context {count:,} tokens", count=engine.context_length)
        where = elsewhere(engine.model) or engine.device
        say(f"\n{_('loaded')}: {engine.model} · {engine.engine} · {where} · {words}")
        if threads := words_of(engine):
            say(threads)
        for notice in engine.notices:
            say(f"! {notice}")


def _duration(seconds: float) -> str:
    """
    >>> _duration(42), _duration(3 * 3600 + 120)
    ('0:00:42', '3:02:00')
    """
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}"


@click.command("stop")
def stop() -> None:
    from fireside.cli.output import say
    from fireside.client.launch import stop_server
    from fireside.runtime import find
    from fireside.settings import find_home

    home = find_home()
    running = find(home)
    if running is None:
        say(_("no server is running for {folder}", folder=home.data))
        return
    wait_for(stop_server(home, running))
    say(_("stopped the server at {address}", address=running.address))


@click.command("open")
def open_page() -> None:
    from fireside.cli.output import note, say

    async def found(client: AsyncClient) -> tuple[str, bool]:
        return client.address + "/", bool(await client.keys())

    where, needs_key = run(found)
    say(where)
    if needs_key:
        note(_("it asks for a key, since there are some: `fireside keys pair` shows a way in without one"))
    if not _browse(where):
        note(_("no browser opens from here: enter this address in one"))


def _browse(address: str) -> bool:
    """Open a browser in a window of its own; one that would take the terminal over isn't meant."""
    import os
    import webbrowser

    has_screen = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    return has_screen and webbrowser.open(address)


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    from fireside.cli.output import say, size

    written = run(lambda client: client.backup(file))
    say(_("wrote {file} ({size})", file=file, size=size(written)))


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@yes_flag
def restore(file: Path, yes: bool) -> None:
    from fireside.cli.output import say

    confirm(_("Replace all conversations by those of {file}?", file=file), yes=yes)
    count, kept = _restore(file.absolute())
    conversations = _n("{count} conversation", "{count} conversations", count)
    say(_("restored {conversations} from {file}", conversations=conversations, file=file))
    say(_("what was there before is kept at {path}", path=kept))


def _restore(file: Path) -> tuple[int, str]:
    """Restore by the running server; without one at once, since a damaged database lets none start."""
    from fireside.runtime import is_held
    from fireside.settings import find_home, load_settings

    home = find_home()
    if is_held(home):
        restored = run(lambda client: client.restore(file))
        return restored.conversations, restored.kept
    from fireside.server import offline

    counts, kept = offline.restore(load_settings(home), home, file)
    return counts.conversations, str(kept)
