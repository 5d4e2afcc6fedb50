"""Models of any web server, over real TLS: only the file that its hash names."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

import made_gguf
from fireside.errors import DownloadFailed, ModelDamaged, ModelNotFound
from fireside.models.library import Library
from fireside.models.pip_configuration import PipConfiguration
from fireside.models.sources.credentials import NoLogin
from fireside.models.sources.web import Failure, Web
from hub_server import LargeHandler, Repo, TestHub
from index_server import serving

FILE = made_gguf.gguf(weights=bytes(range(256)) * 8_192)


@pytest.fixture
def hub() -> TestHub:
    return TestHub({"maker/models": Repo({"tiny.gguf": FILE, "page.gguf": b"<html>" + bytes(100_000)})})


@pytest.fixture
def address(hub: TestHub, environ: dict[str, str], tmp_path: Path) -> Iterator[str]:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    environ["PIP_CERT"] = str(tmp_path / "ca.pem")
    with serving(type("Handler", (LargeHandler,), {"hub": hub}), tls) as url:
        yield f"{url}/large/maker/models"


@pytest.fixture
def library(folder: Path, environ: dict[str, str]) -> Library:
    return Library(folder, environ)


def reference(address: str, name: str = "tiny.gguf", content: bytes = FILE) -> str:
    return f"{address}/{name}#sha256={hashlib.sha256(content).hexdigest()}"


async def test_a_file_is_fetched_shown_and_removed(library: Library, address: str, folder: Path) -> None:
    named = reference(address)
    before = await library.look_up(named)
    assert (before.size_bytes, before.installed) == (len(FILE), False)
    assert "nobody says under which licence" in (before.terms or "")
    card = await library.ensure(named)
    assert (card.reference, card.sha256, card.licence) == (named, named.rpartition("=")[2], "Apache-2.0")
    assert Path(card.path or "").read_bytes() == FILE
    assert library.installed() == (card,)
    library.remove(named)
    assert [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
    with pytest.raises(ModelNotFound):
        library.remove(named)


async def test_a_connection_that_drops_is_taken_up_where_it_was(
    library: Library, hub: TestHub, address: str
) -> None:
    hub.drop_after = [1_000_000]
    assert (await library.ensure(reference(address))).installed
    assert hub.downloads("tiny.gguf")[-1].headers["Range"].startswith("bytes=")


async def test_another_file_than_the_hash_names_is_not_kept(
    library: Library, address: str, folder: Path
) -> None:
    with pytest.raises(DownloadFailed, match="hash differs"):
        await library.ensure(reference(address, content=b"another"))
    assert not list(folder.rglob("*.gguf")) + list(folder.rglob("*.part"))


async def test_what_is_no_model_is_refused_whatever_its_hash(
    library: Library, hub: TestHub, address: str
) -> None:
    page = hub.repos["maker/models"].files["page.gguf"]
    with pytest.raises(ModelDamaged, match="web page"):
        await library.ensure(reference(address, "page.gguf", page))
    assert not library.installed()


async def test_a_disk_without_room_is_noticed_before_a_byte_is_written(
    library: Library, address: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fireside.models.sources.work.SPARE_BYTES", 1 << 60)
    with pytest.raises(DownloadFailed, match="not enough room"):
        await library.ensure(reference(address))
    assert not list(folder.rglob("*.part"))


async def test_an_unknown_certificate_is_refused(
    library: Library, address: str, environ: dict[str, str]
) -> None:
    del environ["PIP_CERT"]
    with pytest.raises(DownloadFailed, match="isn't trusted"):
        await library.ensure(reference(address))


@pytest.mark.parametrize(
    "inside", ["127.0.0.1:1", "[::1]:1", "192.168.0.1", "localhost:1", "169.254.169.254"]
)
async def test_a_public_server_can_not_send_this_machine_into_its_own_network(inside: str) -> None:
    """The public server is behind a proxy, which really answers for it."""
    hub = TestHub(large_url=f"http://{inside}/secret")

    class Proxy(LargeHandler):
        def do_GET(self) -> None:  # noqa: N802
            self.hub.asked.append(self.noted())
            self.answer(302, b"", {"Location": self.hub.large_url})

    with serving(type("Handler", (Proxy,), {"hub": hub})) as proxy:
        async with Web(PipConfiguration(proxy=proxy), NoLogin()) as web:
            with pytest.raises(Failure, match="in your own network"):
                async with web.get("http://models.example.com/x.gguf", {}):
                    pass
    assert [request.path for request in hub.asked] == ["http://models.example.com/x.gguf"]
