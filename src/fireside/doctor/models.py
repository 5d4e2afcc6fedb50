"""The model files: sound headers, the right sizes, and with `deep` the right hashes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from fireside.amounts import in_bytes
from fireside.cards import ModelCard
from fireside.doctor import Examined
from fireside.doctor.findings import Finding, Mend, Said, note, problem, problem_of, said, well
from fireside.engines.protocol import ModelFile
from fireside.engines.tuned import profiles_of
from fireside.errors import DownloadFailed, FiresideError, ModelDamaged, ModelNotFound
from fireside.model_files import ModelFiles
from fireside.models.inspection import read_facts
from fireside.models.library import Library
from fireside.models.references import place_of

CHUNK_BYTES = 1 << 20


def check_models(who: Examined) -> Iterator[Finding]:
    library = library_of(who)
    cards = {card.reference: card for card in library.installed()}
    yield from _default(library, cards, who)
    for card in cards.values():
        yield from _sound(library, card, who)
    yield from _imported(library)
    downloads = who.home.models / "downloads"
    parts = [path for path in downloads.glob("*.part") if path.is_file()]
    if parts:
        size = sum(path.stat().st_size for path in parts)
        yield note(
            "models",
            said("{size} of broken off downloads are kept to go on with", size=in_bytes(size)),
            said("`fireside models pull MODEL` goes on; deleting {folder} gives them up", folder=downloads),
        )


def default_file(who: Examined) -> ModelFile | None:
    """Return the default model as it would be loaded; None where it isn't at hand (`check_models` tells)."""
    files = ModelFiles(library_of(who), who.settings, profiles_of(who.settings, who.home).tuned)
    try:
        return files.at_hand(who.settings.model)
    except FiresideError:
        return None


def _default(library: Library, cards: dict[str, ModelCard], who: Examined) -> Iterator[Finding]:
    """Look at the model that is used by default, which may be a file of the person's own."""
    default = who.settings.model
    try:
        model = library.meant(default)
        if place_of(model) == "elsewhere":  # nobody is asked anything without being told
            yield _elsewhere(model, who)
            return
        card = library.card(default)
    except FiresideError as error:
        yield problem_of("models", error, _fetching_again(who, library, default, error))
        return
    if card.installed:
        cards.setdefault(card.reference, card)
    else:
        yield well(
            "models",
            said(
                "{model} comes with the first chat ({size})",
                model=card.reference,
                size=in_bytes(card.size_bytes),
            ),
        )


def library_of(who: Examined) -> Library:
    """Return the models of a home, those of the person's own making included."""
    return Library(who.home.models, os.environ, aliases=who.home.aliases)


def _elsewhere(reference: str, who: Examined) -> Finding:
    name = reference.partition(":")[2].partition("/")[0]
    if name in who.settings.remotes:
        return well("models", said("{model} is elsewhere, and asked when it is used", model=reference))
    return problem(
        "models",
        said("the settings know no remote {name}", name=name),
        said("add [remotes.{name}] to config.toml, or choose another `model` there", name=name),
    )


def _imported(library: Library) -> Iterator[Finding]:
    """Look whether what other programs keep, and was imported, is still there."""
    for reference in library.imported.references():
        try:
            library.card(reference)
        except FiresideError as error:
            yield problem_of("models", error)


def _sound(library: Library, card: ModelCard, who: Examined) -> Iterator[Finding]:
    path = Path(card.path or "")
    try:
        read_facts(path)
        if who.deep and card.sha256 and _sha256(path) != card.sha256:
            raise ModelDamaged(
                f"{path} is not the file that was published: its SHA-256 differs",
                hint="make it again" if card.conversion else "fetch it again",
            )
    except FiresideError as error:
        yield problem_of("models", error, _fetching_again(who, library, card.reference, error))
        return
    except OSError as error:
        yield problem("models", said("{path} can't be read: {error}", path=path, error=error.strerror))
        return
    how = said("{model} is sound", model=card.reference)
    if who.deep and card.sha256:
        how = said("{model} is sound, and the very file that was published", model=card.reference)
    yield well("models", how)


def _fetching_again(who: Examined, library: Library, reference: str, error: FiresideError) -> Mend | None:
    """Return how a model that was fetched is fetched anew; what is here stays until the new one is.

    A person's own file is never touched, and none that a running server may have loaded.
    """
    is_ours = reference.startswith(("pypi:", "hf:", "https:"))
    if who.is_held or not is_ours or not isinstance(error, ModelDamaged):
        return None

    def fetch() -> Said:
        beside = who.home.models / "mending"
        try:
            card = asyncio.run(Library(beside, os.environ).ensure(reference))
            with contextlib.suppress(ModelNotFound):  # another quantisation is best by now
                library.remove(card.reference)
            _move(beside, who.home.models)
        except OSError as failure:
            raise DownloadFailed(str(failure), hint="check the connection, then try again") from failure
        return said("fetched {model} again", model=card.reference)

    return Mend(said("fetch {model} again, and replace it", model=reference), fetch)


def _move(beside: Path, folder: Path) -> None:
    """Give the models of one library's folder to another's."""
    for path in sorted(beside.rglob("*")):
        place = path.relative_to(beside)
        if path.is_file() and place.parts[0] != "downloads":
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            path.replace(folder / place)
    shutil.rmtree(beside)


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()
