"""Where the server listens: whether the port is free or ours, and whether others may come in."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from fireside import runtime
from fireside.doctor import Examined
from fireside.doctor.findings import Finding, note, problem, problem_of, said, well
from fireside.errors import AddressInUse, ConfigError, FiresideError
from fireside.server import offline
from fireside.server.listening import (
    find_certificate,
    is_beyond_loopback,
    lan_address,
    listen,
    refuse_without_key,
)

ANSWER_S = 5.0
LISTENS = "0A"
"""the state of a socket that listens, in /proc/net/tcp"""


def check_address(who: Examined) -> Iterator[Finding]:
    if who.is_held:
        yield from _running(who)
        return
    host, port = who.settings.host, who.settings.port
    try:
        with closing(listen(host, port)):
            yield well("address", said("the server can listen on {host}, port {port}", host=host, port=port))
    except AddressInUse as error:
        yield _taken(error, port)
    except FiresideError as error:
        yield problem_of("address", error)
    try:
        find_certificate(who.settings)
    except ConfigError as error:
        yield problem_of("address", error)
    yield from _others(who)


def _taken(error: AddressInUse, port: int) -> Finding:
    name = program_at(port)
    if name is None:
        return problem_of("address", error)
    return problem(
        "address",
        said("port {port} is used by another program: {name}", port=port, name=name),
        said("end it, or set another one: FIRESIDE_PORT=3474, or `port` in config.toml"),
    )


def _running(who: Examined) -> Iterator[Finding]:
    running = runtime.read(who.home)
    if running is None:
        yield note("address", said("a server is just starting"), said("look again in a moment"))
        return
    where = urlsplit(running.address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/health")
        answered = connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        answered = False
    finally:
        connection.close()
    if answered:
        yield well("address", said("the server answers at {address}", address=running.address))
    else:
        yield problem(
            "address",
            said(
                "the server (process {pid}) doesn't answer at {address}",
                pid=running.pid,
                address=running.address,
            ),
            said("end that process; what was said before is safe, and the next command starts a new one"),
        )


def _others(who: Examined) -> Iterator[Finding]:
    """Tell whether other devices get in; a server that others reach needs a key."""
    host = who.settings.host
    if not is_beyond_loopback(host):
        yield well("address", said("only programs of this computer reach it"))
        return
    try:
        lacks_key = who.home.data.is_dir() and offline.lacks_key(who.settings, who.home)
    except FiresideError:  # told by the check of the chats
        return
    if lacks_key:
        yield problem_of("address", refuse_without_key(host))
    else:
        address = lan_address() or host
        yield well("address", said("other devices reach it at {address}, with a key", address=address))


def program_at(port: int) -> str | None:
    """Return the name of the program that listens on `port`; None where the system doesn't tell (Linux)."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for link in Path("/proc").glob("[0-9]*/fd/*") if sockets else ():
        try:
            if str(link.readlink()) in sockets:
                name = (link.parent.parent / "comm").read_text().strip()
                return f"{name} ({link.parent.parent.name})"
        except OSError:
            continue
    return None


def _listening(port: int) -> Iterator[str]:
    """Yield the inodes of sockets that listen there (Linux, Documentation/networking/proc_net_tcp.rst)."""
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            rows = [line.split() for line in table.read_text().splitlines()[1:]]
        except OSError:
            continue
        for row in rows:
            if row[3] == LISTENS and int(row[1].rpartition(":")[2], 16) == port:
                yield row[9]
