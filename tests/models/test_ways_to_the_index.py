"""The ways to an index: find-links, proxies, logins, redirects, certificates, and what fails."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import ssl
import subprocess
from pathlib import Path

import pytest

from fireside.errors import ConfigError, DownloadFailed
from fireside.models.library import Library
from index_server import WHEEL, Index, index_server, serving

REFERENCE = "pypi:tiny-model"


@pytest.mark.parametrize(
    ("status", "words"), [(404, "doesn't offer"), (403, "403"), (500, "500"), (407, "407")]
)
async def test_a_server_that_refuses_is_quoted(
    library: Library, index: Index, status: int, words: str
) -> None:
    index.statuses = [status] * 10
    with pytest.raises(DownloadFailed, match=words) as failed:
        await library.ensure(REFERENCE)
    assert "isn't here yet" in failed.value.message
    assert "--model file:" in (failed.value.hint or "")


@pytest.mark.parametrize(
    ("address", "words"),
    [("http://127.0.0.1:1/simple", "can't be reached"), ("http://no-such-host.invalid/simple", "network")],
)
async def test_without_a_network_the_error_says_so(
    library: Library, environ: dict[str, str], address: str, words: str
) -> None:
    environ |= {"PIP_INDEX_URL": address, "PIP_RETRIES": "1"}
    with pytest.raises(DownloadFailed, match=words) as failed:
        await library.ensure(REFERENCE)
    assert "--model file:" in (failed.value.hint or "")


async def test_no_index_and_no_wheel_is_said(library: Library, environ: dict[str, str]) -> None:
    environ["PIP_NO_INDEX"] = "1"
    with pytest.raises(DownloadFailed, match="no-index"):
        await library.ensure(REFERENCE)


async def test_a_wheel_in_a_find_links_folder_needs_no_network(
    library: Library, environ: dict[str, str], tmp_path: Path, wheel: bytes, payload: bytes
) -> None:
    (tmp_path / WHEEL).write_bytes(wheel)
    environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    card = await library.ensure(REFERENCE)
    assert Path(card.path or "").read_bytes() == payload
    assert (tmp_path / WHEEL).read_bytes() == wheel


async def test_an_index_kept_in_folders_is_understood(
    library: Library, environ: dict[str, str], tmp_path: Path, wheel: bytes
) -> None:
    (tmp_path / "simple" / "tiny-model").mkdir(parents=True)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / WHEEL).write_bytes(wheel)
    page = f'<a href="../../files/{WHEEL}#sha256={hashlib.sha256(wheel).hexdigest()}">{WHEEL}</a>'
    (tmp_path / "simple" / "tiny-model" / "index.html").write_text(page, encoding="utf-8")
    environ["PIP_INDEX_URL"] = (tmp_path / "simple").as_uri()
    assert (await library.ensure(REFERENCE)).installed


async def test_a_page_from_the_network_can_not_name_a_file_of_this_machine(
    library: Library, environ: dict[str, str], tmp_path: Path, wheel: bytes
) -> None:
    (tmp_path / WHEEL).write_bytes(wheel)

    class Page(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f'<a href="{(tmp_path / WHEEL).as_uri()}">x</a>'.encode())

    with serving(Page) as url:
        environ["PIP_INDEX_URL"] = url
        with pytest.raises(DownloadFailed, match="doesn't offer"):
            await library.ensure(REFERENCE)


async def test_the_index_may_be_named_in_a_file(
    library: Library, index: Index, environ: dict[str, str], tmp_path: Path
) -> None:
    configuration = tmp_path / "chosen.conf"
    configuration.write_text(f"[global]\nindex-url = {index.simple}\n", encoding="utf-8")
    del environ["PIP_INDEX_URL"]
    environ["PIP_CONFIG_FILE"] = str(configuration)
    assert (await library.ensure(REFERENCE)).installed


async def test_the_next_index_is_asked_when_the_first_has_nothing(
    library: Library, index: Index, environ: dict[str, str]
) -> None:
    environ |= {"PIP_INDEX_URL": f"{index.url}/empty", "PIP_EXTRA_INDEX_URL": index.simple}
    assert (await library.ensure(REFERENCE)).installed


@pytest.mark.parametrize("named_by", ["pip", "system"])
async def test_a_proxy_is_used(
    library: Library, index: Index, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, named_by: str
) -> None:
    environ["PIP_INDEX_URL"] = "http://mirror.invalid/simple"
    if named_by == "pip":
        environ["PIP_PROXY"] = index.url
    else:
        monkeypatch.setenv("HTTP_PROXY", index.url)
    await library.ensure(REFERENCE)
    assert all(request.path.startswith("http://mirror.invalid/") for request in index.asked)


@pytest.mark.parametrize("where", ["address", "netrc"])
async def test_a_login_is_sent_where_it_belongs_and_never_after_a_redirect(
    library: Library, index: Index, environ: dict[str, str], tmp_path: Path, wheel: bytes, where: str
) -> None:
    index.login = "Basic " + base64.b64encode(b"me:s3cret:x").decode()
    with index_server(Index(wheel)) as elsewhere:
        index.redirect_to = f"{elsewhere.url}/files/{WHEEL}"
        if where == "address":
            environ["PIP_INDEX_URL"] = index.simple.replace("://", "://me:s3cret%3Ax@")
        else:
            netrc = tmp_path / ".netrc"
            netrc.write_text("machine 127.0.0.1 login me password s3cret:x\n", encoding="utf-8")
            netrc.chmod(0o600)
        await library.ensure(REFERENCE)
        assert len(elsewhere.asked) == 1
        assert "Authorization" not in elsewhere.asked[0].headers
        assert all("Authorization" in request.headers for request in index.asked)


async def test_keyring_is_asked_for_the_password_of_a_named_user(
    library: Library, index: Index, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "bin" / "keyring"
    command.parent.mkdir()
    command.write_text('#!/bin/sh\n[ "$1 $3" = "get me" ] && echo from-keyring\n', encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent), prepend=os.pathsep)
    index.login = "Basic " + base64.b64encode(b"me:from-keyring").decode()
    environ["PIP_INDEX_URL"] = index.simple.replace("://", "://me@")
    assert (await library.ensure(REFERENCE)).installed
    environ["PIP_KEYRING_PROVIDER"] = "disabled"
    library.remove(REFERENCE)
    with pytest.raises(DownloadFailed, match="wants a login"):
        await library.ensure(REFERENCE)


async def test_a_login_is_never_shown(library: Library, environ: dict[str, str]) -> None:
    environ |= {"PIP_INDEX_URL": "http://me:s3cret@127.0.0.1:1/simple", "PIP_RETRIES": "0"}
    with pytest.raises(DownloadFailed) as failed:
        await library.ensure(REFERENCE)
    assert "s3cret" not in failed.value.message + (failed.value.hint or "")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.invalid/x", ""])
async def test_a_redirect_leads_only_to_web_addresses(library: Library, index: Index, target: str) -> None:
    index.redirect_to = target or f"{index.url}/files/{WHEEL}"
    with pytest.raises(DownloadFailed, match="redirects"):
        await library.ensure(REFERENCE)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    alternative = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run([*new, *alternative], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.mark.parametrize("trust", ["certificate", "host", None])
async def test_certificates_are_checked_unless_pip_trusts_the_host(
    library: Library, environ: dict[str, str], wheel: bytes, certificate: Path, trust: str | None
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with index_server(Index(wheel), context) as index:
        environ["PIP_INDEX_URL"] = index.simple.replace("127.0.0.1", "localhost")
        if trust == "certificate":
            environ["PIP_CERT"] = str(certificate)
        elif trust == "host":
            environ["PIP_TRUSTED_HOST"] = "localhost"
        if trust:
            assert (await library.ensure(REFERENCE)).installed
        else:
            with pytest.raises(DownloadFailed, match="isn't trusted") as failed:
                await library.ensure(REFERENCE)
            assert "PIP_CERT" in (failed.value.hint or "")


@pytest.mark.parametrize(
    "setting",
    [
        {"PIP_CERT": "/no/such.pem"},
        {"PIP_CLIENT_CERT": "/no/such.pem"},
        {"PIP_PROXY": "gopher://x"},
        {"PIP_EXTRA_INDEX_URL": "http://x:port/simple"},
    ],
)
async def test_a_setting_that_can_not_be_used_is_named(
    library: Library, index: Index, environ: dict[str, str], setting: dict[str, str]
) -> None:
    environ |= setting
    with pytest.raises(ConfigError) as refused:
        await library.ensure(REFERENCE)
    assert refused.value.hint
