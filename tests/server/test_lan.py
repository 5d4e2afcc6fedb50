"""Beyond this machine: only with a key, by our own addresses, and by TLS where there is a certificate."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import trustme

from fireside.server.listening import is_beyond_loopback, lan_address
from fireside.settings import Home
from serving import PATIENCE_S, environment, serving
from visiting import CHATS, KEYS, OWNER, Place, bearer

EVERYWHERE = "0.0.0.0"  # noqa: S104


def run(home: Path, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fireside", *arguments],
        env=environment(home, **settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_without_a_key_it_refuses_and_says_how_to_make_one(tmp_path: Path) -> None:
    refused = run(tmp_path, "serve", host=EVERYWHERE)
    assert refused.returncode == 1
    assert EVERYWHERE in refused.stderr
    assert "`fireside keys new NAME`" in refused.stderr
    assert not Home(tmp_path, tmp_path).runtime_file.exists()


def test_with_a_key_it_listens_and_the_commands_here_go_on(tmp_path: Path, smollm2: Path) -> None:
    made = run(tmp_path, "keys", "new", "phone", host=EVERYWHERE)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    with serving(tmp_path, model=f"file:{smollm2}", host=EVERYWHERE) as server:
        assert httpx.URL(server.runtime.address).host == "127.0.0.1"
        assert server.http.get(CHATS).status_code == 401
        assert server.http.get(CHATS, headers=bearer(key)).status_code == 200
        listed = run(tmp_path, "keys", "--json", host=EVERYWHERE)
        assert '"phone"' in listed.stdout
        address = lan_address()
        if address is not None:
            assert server.runtime.open_at == (f"http://{address}:{httpx.URL(server.runtime.address).port}",)
            with httpx.Client(base_url=server.runtime.open_at[0], trust_env=False) as device:
                assert device.get(CHATS).status_code == 401
                assert device.get(CHATS, headers=server.owner).status_code == 401
                assert device.get(CHATS, headers=bearer(key)).status_code == 200
                assert device.get("/", headers={"host": socket.gethostname()}).status_code == 200
                assert device.get("/", headers={"host": "evil.example"}).status_code == 403
                assert device.get("/", headers={"host": "192.0.2.77"}).status_code == 403


def test_serve_lan_makes_a_key_and_says_where_it_is(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, "--lan", model=f"file:{smollm2}") as server:
        assert server.process.stdout
        address, key = [server.process.stdout.readline().split() for _ in range(2)]
        secret = key[1]
        assert (key[0], secret[:3]) == ("key:", "fs-")
        assert secret not in address[3]
        assert server.http.get(CHATS).status_code == 401
        assert server.http.get(CHATS, headers=bearer(secret)).status_code == 200
        assert server.http.get(KEYS, headers=bearer(secret)).status_code == 403
        if server.runtime.open_at:
            assert address[3] == server.runtime.open_at[0] + "/"
    with serving(tmp_path, "--lan", model=f"file:{smollm2}") as server:
        assert server.process.stdout
        said = [server.process.stdout.readline() for _ in range(2)]
        assert "fs-" not in "".join(said), "a key is shown once"
        assert server.http.get(CHATS, headers=bearer(secret)).status_code == 200


def test_a_key_that_could_not_be_shown_is_not_made(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((EVERYWHERE, 0))
        other.listen()
        refused = run(tmp_path, "serve", "--lan", port=other.getsockname()[1])
    assert refused.returncode == 1
    assert "is used by another program" in refused.stderr
    refused = run(tmp_path, "serve", host=EVERYWHERE)
    assert "without a key" in refused.stderr


def test_on_another_loopback_address_the_commands_go_on_too(tmp_path: Path, smollm2: Path) -> None:
    settings = {"model": f"file:{smollm2}", "host": "127.0.0.2"}
    run(tmp_path, "keys", "new", "one", **settings)
    with serving(tmp_path, **settings) as server:
        assert httpx.URL(server.runtime.open_at[0]).host == "127.0.0.2"
        assert run(tmp_path, "keys", **settings).returncode == 0
        assert httpx.get(server.runtime.open_at[0] + CHATS, trust_env=False).status_code == 401


@pytest.mark.parametrize("origin", ["*", "https://*.example", "evil.example", "https://app.example/page"])
def test_an_origin_that_is_none_is_refused(tmp_path: Path, origin: str) -> None:
    refused = run(tmp_path, "serve", allowed_origins=origin)
    assert refused.returncode == 1
    assert "FIRESIDE_ALLOWED_ORIGINS" in refused.stderr


def test_the_qr_code_is_the_address_and_never_the_key() -> None:
    import segno

    from fireside.cli.greeting import qr_code

    drawn = qr_code("http://192.0.2.1:3473/").splitlines()
    matrix = [
        list(row)
        for row in segno.make("http://192.0.2.1:3473/", error="m", micro=False).matrix_iter(border=4)
    ]
    assert [undrawn(line) for line in drawn][: len(matrix) // 2] == [
        list(zip(upper, lower, strict=True)) for upper, lower in zip(matrix[::2], matrix[1::2], strict=False)
    ]


def undrawn(line: str) -> list[tuple[int, int]]:
    """Each character is two squares above each other; the drawn part is white."""
    squares = {" ": (1, 1), "▀": (0, 1), "▄": (1, 0), "█": (0, 0)}
    return [squares[letter] for letter in line]


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certified(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """Settings with a certificate for this machine."""
    issued = authority.issue_cert("localhost", "127.0.0.1", "home.example")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return {"tls_certificate": str(certificate), "tls_key": str(key)}


def test_with_a_certificate_others_come_by_tls_and_the_commands_here_go_on(
    tmp_path: Path, smollm2: Path, authority: trustme.CA, certified: dict[str, str]
) -> None:
    home = tmp_path / "home"
    settings = {"model": f"file:{smollm2}", "host": EVERYWHERE, "allowed_hosts": "home.example", **certified}
    key = run(home, "keys", "new", "phone", **settings).stdout.strip()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serving(home, **settings) as server:
        assert server.runtime.address.startswith("http://127.0.0.1:")
        (address,) = server.runtime.open_at
        url = httpx.URL(address)
        assert (url.scheme, url.host) == ("https", "home.example")
        with httpx.Client(
            base_url=f"https://localhost:{url.port}", verify=trusting, trust_env=False
        ) as device:
            assert device.get(CHATS).status_code == 401
            signed_in = device.post("/fireside/v1/sessions", json={"key": key})
            assert "Secure" in signed_in.headers["set-cookie"]
            assert device.get(CHATS).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"http://localhost:{url.port}/health", trust_env=False)
        status = run(home, "status", **settings)
        assert status.returncode == 0, status.stderr
        assert address in status.stdout
        assert server.end() == 0
    for place in (url.port, httpx.URL(server.runtime.address).port):
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", int(place or 0)))


@pytest.mark.parametrize("fault", ["missing", "foreign key", "not PEM", "only one", "password"])
def test_a_certificate_that_cannot_be_used_is_said(
    tmp_path: Path, authority: trustme.CA, certified: dict[str, str], fault: str
) -> None:
    key = Path(certified["tls_key"])
    if fault == "missing":
        key.unlink()
    elif fault == "foreign key":
        key.write_bytes(authority.issue_cert("localhost").private_key_pem.bytes())
    elif fault == "not PEM":
        key.write_bytes(os.urandom(200))
    elif fault == "password":
        key.write_bytes(with_password(key.read_bytes()))
    else:
        del certified["tls_key"]
    refused = run(tmp_path / "home", "serve", **certified)
    assert refused.returncode == 1
    assert "tls_key" in refused.stderr
    assert "hint:" in refused.stderr
    assert "Traceback" not in refused.stderr


def with_password(key: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization as form

    return form.load_pem_private_key(key, None).private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"secret")
    )


# Names and pages


@pytest.fixture
def shared(open_place: Callable[..., Place]) -> Place:
    return open_place(host=EVERYWHERE, allowed_origins=("https://app.example", "http://192.0.2.8:3000"))


@pytest.mark.parametrize("host", ["192.0.2.1", "192.0.2.1:3473", "localhost", f"{socket.gethostname()}:3473"])
async def test_it_answers_to_its_own_addresses_and_names(shared: Place, host: str) -> None:
    assert (await shared.phone().get("/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "192.0.2.1.evil.example",
        "192.0.2.9",
        "[::1].evil.example",
        "evil.example@localhost",
        EVERYWHERE,
        "",
    ],
)
async def test_it_answers_to_no_foreign_name(shared: Place, host: str) -> None:
    assert (await shared.phone().get("/health", headers={"host": host})).status_code == 403


async def test_a_page_of_an_allowed_origin_may_use_it_with_a_key(shared: Place) -> None:
    key = await shared.key()
    phone = shared.phone()
    asks = {
        "origin": "https://app.example",
        "sec-fetch-site": "cross-site",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-lang",
    }
    asked = await phone.options(CHATS, headers=asks)
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "https://app.example"
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert asked.headers["access-control-allow-headers"] == asks["access-control-request-headers"]
    sends = {"origin": "https://app.example", "sec-fetch-site": "cross-site"}
    for headers, status in ((sends, 401), (sends | bearer(key), 200)):
        answer = await phone.get(CHATS, headers=headers)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in answer.headers
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://app.example.evil", "http://app.example"]
)
async def test_a_page_of_any_other_origin_gets_nothing(shared: Place, origin: str) -> None:
    key = await shared.key()
    headers = {"origin": origin, "access-control-request-method": "GET", **bearer(key)}
    for method in ("OPTIONS", "GET", "POST"):
        answer = await shared.phone().request(method, CHATS, headers=headers)
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_nobodys_origin_gets_headers_where_none_is_configured(place: Place) -> None:
    preflight = {"origin": "http://127.0.0.1:3473", "access-control-request-method": "GET"}
    for method, headers in (
        ("OPTIONS", preflight),
        ("GET", {"origin": "http://127.0.0.1:3473"}),
        ("GET", {}),
    ):
        answer = await place.here.request(method, CHATS, headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_counts_as_beyond_this_machine() -> None:
    assert [is_beyond_loopback(host) for host in ("127.0.0.2", "::1", "localhost")] == [False] * 3
    assert [is_beyond_loopback(host) for host in (EVERYWHERE, "::", "192.0.2.1", "example.org", "")] == [
        True
    ] * 5


async def test_the_owner_is_told_where_it_is_open(shared: Place) -> None:
    assert (await shared.here.get("/fireside/v1/status", headers=OWNER)).json()["open_at"] == []
