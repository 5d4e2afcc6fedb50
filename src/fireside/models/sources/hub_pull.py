"""Brings the files of one model of the hub, one after the other; none is fetched twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import httpx

from fireside.errors import DownloadFailed, FiresideError, ModelNotFound
from fireside.models.hub import TOKEN_HINT, Hub, Repository
from fireside.models.pip_configuration import read_pip_configuration
from fireside.models.sources import Progress, PullProgress, Stage
from fireside.models.sources.credentials import origin
from fireside.models.sources.download import Fetched
from fireside.models.sources.hub_records import HubRecord
from fireside.models.sources.web import Failure, NotThere, Web
from fireside.models.sources.whole_file import bring_file


class HubPull:
    """One attempt to bring what `record` names into `root`, with what is on the way in `downloads`."""

    def __init__(
        self, hub: Hub, repository: Repository, record: HubRecord, root: Path, downloads: Path
    ) -> None:
        self._hub = hub
        self._repository = repository
        self._record = record
        self._root = root
        self._downloads = downloads

    async def run(self, login: HubLogin, environ: Mapping[str, str], progress: Progress) -> None:
        """Bring the files, each verified before it gets its name.

        ModelNotFound for one that is gone, DownloadFailed for any other reason.
        """
        configuration = read_pip_configuration(environ)
        done_bytes = 0
        async with Web(configuration, login) as web:
            for file in self._record.files:
                if not _has_size(self._root / file.path, file.size_bytes):
                    try:
                        await bring_file(
                            web,
                            file.expected(self._hub.address(self._repository, file.path)),
                            self._downloads,
                            self._root / file.path,
                            retries=configuration.retries,
                            fetched=self._told("fetching", done_bytes, progress),
                            verified=self._told("verifying", done_bytes, progress),
                        )
                    except Failure as failure:
                        raise self._explained(failure, file.path) from failure
                done_bytes += file.size_bytes

    def _told(self, stage: Stage, before_bytes: int, progress: Progress) -> Fetched:
        """Return what tells a file's progress as that of all files."""
        total = self._record.size_bytes
        return lambda done, _: progress(PullProgress(stage, before_bytes + done, total))

    def _explained(self, failure: Failure, path: str) -> FiresideError:
        record = self._record
        if isinstance(failure, NotThere):
            return ModelNotFound(
                f"{record.repository} hasn't {path} any more", hint=f"see what it has now: {record.origin}"
            )
        return DownloadFailed(
            f"{record.reference} couldn't be fetched: {failure}",
            hint=f"{failure.hint}; what has arrived is used the next time",
        )


class HubLogin:
    """The person's token, for the hub's own address alone: files mostly lie on other servers.

    The client may have to renew it for this, which blocks.
    """

    hint = TOKEN_HINT

    def __init__(self, hub: Hub) -> None:
        token = hub.token()
        self._origin = origin(httpx.URL(hub.endpoint))
        self._header = f"Bearer {token}" if token else None

    def header(self, url: httpx.URL) -> str | None:
        return self._header if origin(url) == self._origin else None

    async def ask(self, url: httpx.URL) -> bool:
        return False


def _has_size(path: Path, size_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes
