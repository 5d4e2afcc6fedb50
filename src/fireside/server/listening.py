"""Where the server listens: beyond this machine only with a key, with TLS where there is a certificate.

The commands of this machine always reach it by a plain loopback address (docs/decisions/0007-keys.md).
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fireside.errors import AddressInUse, AddressRefused, ConfigError
from fireside.settings import LOOPBACK_HOSTS, Settings

LAN_HOST = "0.0.0.0"  # noqa: S104
_EVERYWHERE = (LAN_HOST, "::")
_NOBODY = ("192.0.2.1", 9)
"""An address of RFC 5737 that leads nowhere: asking for the way there sends nothing."""


class Certificate(msgspec.Struct, frozen=True):
    """Files of a certificate and its key that belong together."""

    certificate: Path
    key: Path


class Listener(msgspec.Struct, frozen=True):
    """A socket that listens, and the certificate of those who come there by TLS."""

    socket: socket.socket
    certificate: Certificate | None = None


class Listening(msgspec.Struct, frozen=True):
    """Everything that a server listens on. `address` and `open_at` go into the runtime file."""

    listeners: tuple[Listener, ...]
    address: str
    open_at: tuple[str, ...] = ()


def is_beyond_loopback(host: str) -> bool:
    """Return whether other machines can reach what listens on `host`. A name counts as one they can reach.

    >>> is_beyond_loopback("127.0.0.1"), is_beyond_loopback("0.0.0.0"), is_beyond_loopback("example.org")
    (False, True, True)
    """
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def names_to_answer_to(host: str) -> tuple[str, ...]:
    """Return this machine's own names, for a server that listens beyond it."""
    if not is_beyond_loopback(host):
        return ()
    name = socket.gethostname().lower()
    return (name, f"{name.partition('.')[0]}.local")


def refuse_without_key(host: str) -> AddressRefused:
    """Return the error of a server that others could reach and that has no key."""
    return AddressRefused(
        f"Fireside does not listen on {host} without a key: anybody on the network could use it",
        hint="make one with `fireside keys new NAME`, or start it with `fireside serve --lan`",
    )


@contextlib.contextmanager
def listening(settings: Settings) -> Iterator[Listening]:
    """Listen as the settings say, until the block is left.

    ConfigError for a certificate that can't be used; AddressInUse, AddressRefused.
    """
    certificate = find_certificate(settings)
    host = settings.host
    with contextlib.ExitStack() as opened:
        main = opened.enter_context(listen(host, settings.port))
        port = main.getsockname()[1]
        listeners = [Listener(main, certificate)]
        is_own_place = host not in (*_EVERYWHERE, *LOOPBACK_HOSTS)
        if certificate or is_own_place:
            own = opened.enter_context(listen("127.0.0.1", port if is_own_place else 0))
            listeners.append(Listener(own))
            address = _url("http", "127.0.0.1", own.getsockname()[1])
        else:
            address = _url(
                "http", {LAN_HOST: "127.0.0.1", "::": "::1"}.get(main.getsockname()[0], host), port
            )
        yield Listening(tuple(listeners), address, _open_at(settings, port, is_tls=certificate is not None))


def _open_at(settings: Settings, port: int, *, is_tls: bool) -> tuple[str, ...]:
    scheme = "https" if is_tls else "http"
    if not is_beyond_loopback(settings.host):
        is_known = settings.host in LOOPBACK_HOSTS and not is_tls
        return () if is_known else (_url(scheme, settings.host, port),)
    # A certificate is good for names, and whoever has one told us the name.
    named = settings.allowed_hosts[:1] if is_tls else ()
    if settings.host not in _EVERYWHERE:
        return tuple(_url(scheme, name, port) for name in named or (settings.host,))
    found = named or filter(None, (lan_address(),))
    return tuple(_url(scheme, name, port) for name in found)


def lan_address() -> str | None:
    """Return the address by which other devices on the network reach this machine; None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(_NOBODY)
            found = str(asking.getsockname()[0])
        except OSError:
            return None
    return found if is_beyond_loopback(found) else None


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; AddressInUse when somebody else does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once (TCP_NODELAY) only where the protocol is named.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(512)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(
                f"port {port} on {host} is used by another program",
                hint="end that one, or set `port` (FIRESIDE_PORT) to another number, 0 for any free one",
            ) from error
        raise AddressRefused(
            f"cannot listen on {host} port {port}: {error.strerror}", hint="set `host` and `port`"
        ) from error
    return listening


def find_certificate(settings: Settings) -> Certificate | None:
    """Return the certificate that the settings name, or None; ConfigError for one that can't be used."""
    if settings.tls_certificate is None and settings.tls_key is None:
        return None
    if settings.tls_certificate is None or settings.tls_key is None:
        raise ConfigError("only one of `tls_certificate` and `tls_key` is set", hint="set both, or neither")
    found = Certificate(Path(settings.tls_certificate).expanduser(), Path(settings.tls_key).expanduser())
    for setting, path in (("tls_certificate", found.certificate), ("tls_key", found.key)):
        try:
            path.open("rb").close()
        except OSError as error:
            raise ConfigError(
                f"{setting}: {path}: {error.strerror}", hint="name a file in PEM format that can be read"
            ) from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(found.certificate, found.key, lambda: b"")
    except ssl.SSLError as error:
        raise ConfigError(
            f"tls_certificate {found.certificate}, tls_key {found.key}: {_reason(error)}",
            hint="both are PEM files that belong together, and the key has no password",
        ) from error
    return found


def _reason(error: ssl.SSLError) -> str:
    return {
        "KEY_VALUES_MISMATCH": "the key is not that of the certificate",
        None: "one of them is not in PEM format",
    }.get(error.reason, f"they can't be read ({error.reason})")


def _url(scheme: str, host: str, port: int) -> str:
    """Return the address as a browser writes it.

    >>> _url("https", "::1", 3473)
    'https://[::1]:3473'
    """
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
