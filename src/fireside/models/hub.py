"""The hub, asked by its own client: what a repository holds, and where its files are.

`huggingface_hub` is imported here, and by what bounds the questions of a search
(models/search/hub_http.py), only when somebody asks, since it takes a quarter of a second. It asks and
resolves; its downloader isn't used (docs/decisions/0013-the-hub.md).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from fireside.errors import BadReference, ConfigError, DownloadFailed, FiresideError, ModelNotFound
from fireside.models.references import is_plain_path
from fireside.models.search.hub_http import HubSilent, ask
from fireside.models.search.listed import Listed, said_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

TIMEOUT_S = 15.0
_REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)
_REVISION = re.compile(r"[0-9a-f]{40,64}")
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
"""git's, or SHA-256; a file is called so while it is on its way"""
ON = ("1", "ON", "YES", "TRUE")
TOKEN_HINT = "give Fireside your token: `hf auth login`, or HF_TOKEN in the environment of the server"  # noqa: S105


class HubFile(msgspec.Struct, frozen=True):
    """A file of a repository. Large files are known by their SHA-256, the others by git's own hash."""

    path: str
    size_bytes: int
    sha256: str | None
    git_sha1: str | None


class Repository(msgspec.Struct, frozen=True):
    """What a repository of the hub holds at one revision, and what is said about it."""

    id: str
    revision: str
    """the commit, by its hash"""
    files: tuple[HubFile, ...]
    licence: str | None
    languages: tuple[str, ...]
    base_models: tuple[str, ...]
    is_gated: bool
    library: str | None
    address: str
    """of its page"""
    context_length: int | None = None
    parameters: int | None = None
    architecture: str | None = None
    said: Listed = Listed("")
    """what the hub says of it when it lists models"""


class Hub:
    """The hub that `environ` names (HF_ENDPOINT), or the public one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    @property
    def endpoint(self) -> str:
        named: str = self._environ.get("HF_ENDPOINT") or _client().constants.ENDPOINT
        try:
            parts = urlsplit(named)
            known = parts.scheme in ("https", "http") and parts.hostname and (parts.port or 1)
            has_login = "@" in parts.netloc
        except ValueError:
            known = has_login = False
        if has_login:
            raise ConfigError(
                "HF_ENDPOINT holds a login, which would be shown as where models come from",
                hint="leave it out of the address: HF_TOKEN says who you are",
            )
        if not known:
            raise ConfigError(
                f"HF_ENDPOINT is no address: {named}", hint="write one like https://hub.example"
            )
        return named.rstrip("/")

    @property
    def api(self) -> HfApi:
        """The client, for whatever else there is to ask. Calls block: they belong into a thread."""
        api: HfApi = _client().HfApi(
            endpoint=self.endpoint, token=self.token() or False, library_name="fireside"
        )
        return api

    def token(self) -> str | None:
        """Return the person's token: that of the environment, or the one that the client keeps."""
        named = self._environ.get("HF_TOKEN", "").strip()
        if named or self._environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").upper() in ON:
            return named or None
        kept: str | None = _client().get_token()
        return kept

    def repository(self, repo_id: str) -> Repository:
        """Return what the repository holds now.

        ModelNotFound where there is none that this person may see, DownloadFailed where the hub
        can't be asked.
        """
        with self.explained(repo_id):
            api = self.api
            info = ask(
                self.endpoint,
                lambda: api.model_info(repo_id, files_metadata=True, timeout=TIMEOUT_S),
                tells_refusals=False,
            )
            return _repository(info, self.endpoint)

    def check_access(self, repository: Repository, path: str) -> None:
        """Ask for one file without fetching it: repositories tell everybody what they give only to some."""
        with self.explained(repository.id):
            self.api.get_hf_file_metadata(url=self.address(repository, path), timeout=TIMEOUT_S)

    def address(self, repository: Repository, path: str) -> str:
        """Return where a file of exactly this revision is."""
        url: str = _client().hf_hub_url(
            repository.id, path, revision=repository.revision, endpoint=self.endpoint
        )
        return url

    @contextlib.contextmanager
    def explained(self, repo_id: str) -> Iterator[None]:
        """Turn what the client throws into errors in plain words."""
        if self._environ.get("HF_HUB_OFFLINE", "").upper() in ON:
            raise _offline(repo_id)
        client = _client()
        try:
            yield
        except client.errors.HfHubHTTPError as error:
            raise self._refused(error, repo_id) from error
        except client.errors.HFValidationError as error:
            raise BadReference(f"{repo_id!r} is no repository of the hub", param="model") from error
        except client.errors.OfflineModeIsEnabled as error:
            raise _offline(repo_id) from error
        except HubSilent as error:
            raise DownloadFailed(
                f"the hub ({self.endpoint}) can't be asked: {error}", hint="try again, or check HF_ENDPOINT"
            ) from error
        except client.errors.HTTPError as error:  # of the HTTP library that this release is built on
            raise DownloadFailed(
                f"the hub ({self.endpoint}) can't be reached: {error or type(error).__name__}",
                hint="check the network, HF_ENDPOINT, and HTTPS_PROXY if you need a proxy",
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # The client reads answers trustfully; whatever isn't shaped like a hub's ends here.
            raise DownloadFailed(
                f"{self.endpoint} doesn't answer like a hub ({type(error).__name__})",
                hint="check HF_ENDPOINT, or whether the network wants you to log in first",
            ) from error

    def _refused(self, error: HfHubHTTPError, repo_id: str) -> FiresideError:
        errors, status = _client().errors, error.response.status_code
        page = f"{self.endpoint}/{repo_id}"
        if isinstance(error, errors.GatedRepoError):
            if self.token():
                return DownloadFailed(
                    f"{repo_id} is given only to those who accepted its terms, and your account hasn't",
                    hint=f"read and accept them at {page}, then pull it again",
                )
            return DownloadFailed(
                f"{repo_id} is given only to those who accepted its terms",
                hint=f"read and accept them at {page}, then {TOKEN_HINT}",
            )
        if isinstance(error, errors.DisabledRepoError):
            return ModelNotFound(f"the hub has taken {repo_id} offline", hint=f"see {page}")
        if isinstance(error, errors.RepositoryNotFoundError):
            private = "" if self.token() else f"; if it is private, {TOKEN_HINT}"
            return ModelNotFound(
                f"the hub shows no model {repo_id}", hint=f"check its name at {self.endpoint}{private}"
            )
        if status == 404:
            return ModelNotFound(f"{repo_id} hasn't that file any more", hint="pull it again")
        if status in (401, 403):
            return DownloadFailed(
                f"the hub refuses access to {repo_id} ({status})",
                hint=f"{'check that your token is valid, or ' if self.token() else ''}{TOKEN_HINT}",
            )
        return DownloadFailed(f"the hub ({self.endpoint}) answers {status}", hint="try again later")


def _offline(repo_id: str) -> DownloadFailed:
    return DownloadFailed(
        f"{repo_id} isn't here, and HF_HUB_OFFLINE forbids asking the hub",
        hint="unset HF_HUB_OFFLINE, or use a model that is here: `fireside models`",
    )


def _client() -> Any:
    """Return the hub's client, which then tells nobody what runs here."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import huggingface_hub
    import huggingface_hub.constants
    import huggingface_hub.errors

    return huggingface_hub


def _repository(info: Any, endpoint: str) -> Repository:
    """Return what the client read, as values of our own; ValueError for what no hub says."""
    if not _REPOSITORY.fullmatch(info.id) or not _REVISION.fullmatch(info.sha):
        raise ValueError("a name or a revision that is none")
    card = info.card_data.to_dict() if info.card_data else {}
    gguf = info.gguf or {}
    files = tuple(
        HubFile(
            path=sibling.rfilename,
            size_bytes=int(sibling.lfs.size if sibling.lfs else sibling.size or 0),
            sha256=_hash(sibling.lfs.sha256) if sibling.lfs else None,
            git_sha1=None if sibling.lfs else _hash(sibling.blob_id),
        )
        for sibling in info.siblings or ()
        if is_plain_path(sibling.rfilename)
    )
    licences = _texts(card.get("license"))
    if licences == ("other",):
        licences = _texts(card.get("license_name"))
    return Repository(
        id=info.id,
        revision=info.sha,
        files=files,
        licence=", ".join(licences) or None,
        languages=_texts(card.get("language")),
        base_models=_texts(card.get("base_model")),
        is_gated=bool(info.gated),
        library=info.library_name,
        address=f"{endpoint}/{info.id}",
        context_length=gguf.get("context_length"),
        parameters=gguf.get("total") or (info.safetensors.total if info.safetensors else None),
        architecture=gguf.get("architecture"),
        said=said_of(info),
    )


def _hash(told: str | None) -> str | None:
    if told is not None and not _HASH.fullmatch(told):
        raise ValueError("a hash that is none")
    return told


def _texts(value: object) -> tuple[str, ...]:
    """Return a field of a model card, which may be one text or several, as short printable texts."""
    several = value if isinstance(value, list) else [value]
    printable = ("".join(filter(str.isprintable, text))[:100] for text in several if isinstance(text, str))
    return tuple(filter(None, printable))[:20]
