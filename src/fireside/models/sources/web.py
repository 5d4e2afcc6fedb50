"""HTTP as the person's pip would do it: proxy and certificates; logins stay where they belong."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Protocol

import httpx

from fireside.errors import ConfigError
from fireside.models.pip_configuration import PipConfiguration
from fireside.models.sources.addresses import is_at_home
from fireside.models.sources.credentials import origin

MAX_REDIRECTS = 10
MAX_CONNECT_S = 10.0
REDIRECTS = {301, 302, 303, 307, 308}
PASSING = {408, 425, 429, 500, 502, 503, 504}
NETWORK_HINT = "check the network, and the proxy if you need one (HTTPS_PROXY, or pip's `proxy` setting)"


class Failure(Exception):
    """Why something couldn't be fetched; a `passing` one is worth another try."""

    def __init__(self, reason: str, *, hint: str = NETWORK_HINT, passing: bool = False) -> None:
        super().__init__(reason)
        self.hint = hint
        self.passing = passing


class NotThere(Failure):
    """The server answers, and has nothing of that name."""


class Login(Protocol):
    """Who knows the logins of a kind of server."""

    @property
    def hint(self) -> str:
        """What to do where a server wants a login that isn't known."""
        ...

    def header(self, url: httpx.URL) -> str | None:
        """Return the Authorization for exactly this address, or None."""
        ...

    async def ask(self, url: httpx.URL) -> bool:
        """Look further after a server refused; return whether there is something new to send."""
        ...


class Web:
    """Fetches with this configuration. Use it as a context manager: it keeps connections."""

    def __init__(self, configuration: PipConfiguration, login: Login) -> None:
        self._configuration = configuration
        self._login = login
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Web:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @contextlib.asynccontextmanager
    async def get(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """Yield the unread answer (200, 206 or 416); Failure says why there is none.

        The Authorization of each hop is that of its own address, so none follows a redirect. And no
        server elsewhere may send this machine to one of its own network.
        """
        first = target = httpx.URL(url).copy_with(userinfo=b"", fragment=None)
        with _explained(target):
            for _ in range(MAX_REDIRECTS):
                response = await self._send(target, headers)
                try:
                    if response.status_code not in REDIRECTS:
                        _check(response, self._login.hint)
                        yield response
                        return
                    target = _next_hop(target, response)
                    await _check_way(first, target)
                finally:
                    await response.aclose()
        raise Failure(f"{target.host} redirects without end")

    async def _send(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        response = await self._send_once(url, headers)
        if response.status_code == 401 and await self._login.ask(url):
            await response.aclose()
            response = await self._send_once(url, headers)
        return response

    async def _send_once(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        client = await self._client(url)
        request = client.build_request("GET", url, headers=dict(headers))
        if authorization := self._login.header(url):
            request.headers["Authorization"] = authorization
        return await client.send(request, stream=True)

    async def _client(self, url: httpx.URL) -> httpx.AsyncClient:
        trusted = {url.host, f"{url.host}:{origin(url)[2]}"} & set(self._configuration.trusted_hosts)
        verify = not trusted
        if verify not in self._clients:
            client = _new_client(self._configuration, verify)
            self._clients[verify] = await self._stack.enter_async_context(client)
        return self._clients[verify]


def _new_client(configuration: PipConfiguration, verify: bool) -> httpx.AsyncClient:
    proxy = configuration.proxy
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    try:
        return httpx.AsyncClient(
            verify=_certificates(configuration) if verify else False,
            proxy=proxy,
            # A proxy of pip's own configuration is for every address; otherwise the system's rules hold.
            trust_env=proxy is None,
            timeout=httpx.Timeout(
                configuration.timeout_s, connect=min(configuration.timeout_s, MAX_CONNECT_S)
            ),
            headers={"User-Agent": "fireside", "Accept-Encoding": "identity"},
        )
    except (ValueError, ImportError) as error:
        raise ConfigError(
            f"the proxy can't be used: {error}", hint="correct HTTPS_PROXY or pip's `proxy` setting"
        ) from error


def _certificates(configuration: PipConfiguration) -> ssl.SSLContext:
    """Return pip's `cert`, or what the system trusts together with httpx's own authorities."""
    chosen = configuration.certificates
    try:
        if chosen is None:
            context = httpx.create_ssl_context()
            context.load_default_certs()
        elif chosen.is_dir():
            context = ssl.create_default_context(capath=str(chosen))
        else:
            context = ssl.create_default_context(cafile=str(chosen))
        if configuration.client_certificate is not None:
            context.load_cert_chain(configuration.client_certificate)
    except (OSError, ssl.SSLError) as error:
        which = configuration.client_certificate or chosen
        raise ConfigError(
            f"the certificates of pip's configuration can't be used: {which}: {error}",
            hint="correct `cert` or `client-cert` (PIP_CERT, PIP_CLIENT_CERT)",
        ) from error
    return context


def _next_hop(url: httpx.URL, response: httpx.Response) -> httpx.URL:
    try:
        following = url.join(response.headers.get("Location", "")).copy_with(userinfo=b"", fragment=None)
    except httpx.InvalidURL as error:
        raise Failure(f"{url.host} redirects to an address that is none") from error
    if following.scheme not in {"http", "https"} or (url.scheme, following.scheme) == ("https", "http"):
        raise Failure(f"{url.host} redirects to an unsafe address ({following.scheme}:)")
    return following


async def _check_way(first: httpx.URL, target: httpx.URL) -> None:
    if target.host != first.host and await is_at_home(target.host) and not await is_at_home(first.host):
        raise Failure(
            f"{first.host} sends this machine to {target.host}, which is in your own network",
            hint="that is how attacks begin; tell whoever runs that server",
        )


def _check(response: httpx.Response, login_hint: str) -> None:
    status, host = response.status_code, response.url.host
    if status in {200, 206, 416}:
        return
    if status in {404, 410}:
        raise NotThere(f"{host} doesn't have it ({status})")
    if status == 401:
        raise Failure(f"{host} wants a login (401)", hint=login_hint)
    if status == 403:
        raise Failure(f"{host} refuses access (403)", hint="ask whoever runs that server or proxy")
    if status == 407:
        raise Failure("the proxy wants a login (407)", hint="use http://user:password@proxy:port")
    raise Failure(f"{host} answers {status}", passing=status in PASSING, hint="try again later")


@contextlib.contextmanager
def _explained(url: httpx.URL) -> Iterator[None]:
    """Turn what the network throws into a Failure in plain words."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise Failure(f"{url.host} didn't answer in time", passing=True) from error
    except httpx.ProxyError as error:
        raise Failure(f"the proxy refuses: {error}") from error
    except httpx.RequestError as error:
        raise _broken(url, error) from error
    except httpx.InvalidURL as error:
        raise Failure(f"{url} is no address: {error}") from error


def _broken(url: httpx.URL, error: httpx.RequestError) -> Failure:
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Failure(
            f"the certificate of {url.host} isn't trusted here",
            hint="name your company's certificates with PIP_CERT or in pip.conf (`cert`)",
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Failure(f"{url.host} can't be found; is there a network?", passing=True)
    if isinstance(error, httpx.ConnectError):
        return Failure(f"{url.host} can't be reached ({error or type(error).__name__})", passing=True)
    if isinstance(error, httpx.UnsupportedProtocol):
        return Failure(f"{url.scheme}: is no address that can be fetched from")
    if not isinstance(error, httpx.TransportError):
        return Failure(f"{url.host} sends an answer that can't be read ({error})")
    return Failure(f"the connection to {url.host} broke off", passing=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__
