"""Whether an address leads into the network that this machine stands in."""

from __future__ import annotations

import asyncio
import ipaddress
import socket


async def is_at_home(host: str) -> bool:
    """Return whether `host` is this machine, or one of its own network.

    A name that can't be resolved here counts as elsewhere: only a proxy can know it.
    """
    try:
        return is_private(host)
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(is_private(str(address[0])) for *_, address in found)


def is_private(address: str) -> bool:
    """Return whether an IP address is no public one; ValueError for a name.

    >>> is_private("192.168.1.4"), is_private("::ffff:127.0.0.1"), is_private("8.8.8.8")
    (True, True, False)
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)
    return not (mapped or parsed).is_global
