"""The whole way of a conversion: planned, made, checked, kept, and measured beside the original."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from fireside.cards import ModelCard
from fireside.conversions import KINDS, Conversion, Measured, Plan
from fireside.converting.child import Finished, Task
from fireside.converting.measuring import Told, measure
from fireside.converting.quantiser import quantise
from fireside.engines import machine
from fireside.engines.registry import StartEngine
from fireside.errors import BadRequest, Conflict, ModelDamaged, ModelNotFound, StoreFull
from fireside.model_files import ModelFiles
from fireside.models.gguf import read_tensor_table
from fireside.models.gguf_model import gguf_facts, parts_of
from fireside.models.gguf_types import TENSOR_BLOCKS
from fireside.models.library import Library
from fireside.models.mixture import FILE_NUMBERS, Chosen, Shape, mixture
from fireside.models.references import parse
from fireside.models.sources.converted import (
    FILE,
    Record,
    one_at_a_time,
    read_record,
    settle,
    workshop,
    write_record,
)
from fireside.models.tensors import Tensor
from fireside.settings import Settings

WHOLE = ("F32", "F16", "BF16")
"""formats in which nothing was shortened yet"""
SPARE_BYTES = 64 << 20
"""room that stays free"""
ALIGNMENT = 32
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+|\.{2,}")
_ENDING = re.compile(rf"[-._ ]({'|'.join(FILE_NUMBERS)})(\.gguf)?$", re.IGNORECASE)


class _Making(msgspec.Struct, frozen=True):
    """What a plan comes to: which files are read, and what each tensor gets."""

    plan: Plan
    card: ModelCard
    parts: tuple[Path, ...]
    tensors: tuple[Chosen, ...]


class Conversions:
    """Makes models of those in `library`, and keeps them in `folder`, where its other models are.

    `today` returns the settings that name today's engine, and `start` starts it.
    """

    def __init__(
        self,
        folder: Path,
        library: Library,
        files: ModelFiles,
        start: StartEngine,
        today: Callable[[], Settings],
    ) -> None:
        self._folder = folder
        self._library = library
        self._files = files
        self._start = start
        self._today = today

    def plan(self, reference: str, kind: str, name: str | None = None) -> Plan:
        """Return what a conversion to `kind` would make; only headers are read.

        BadRequest where it makes no sense, Conflict where `name` is another model's; ModelNotFound or
        ModelDamaged where the original can't be read.
        """
        return self._making(reference, kind, name).plan

    async def convert(
        self, reference: str, kind: str, name: str | None, told: Callable[[int, int], None]
    ) -> str:
        """Convert a model, unless that was done; return the new one's reference.

        `told` is called with the bytes that are written, and all of them. Raises what `plan` and `quantise`
        do; Conflict while another model is converted or compared, StoreFull without room for it.
        """
        making = await asyncio.to_thread(self._making, reference, kind, name)
        plan = making.plan
        if plan.is_here:
            return plan.reference
        try:
            with one_at_a_time(self._folder):
                self._check_room(plan)
                with workshop(self._folder, parse(plan.reference).name) as new:
                    task = _task(making, new / FILE)
                    finished = await quantise(task, lambda done: told(done, plan.size_bytes))
                    await asyncio.to_thread(_settle, new, making, finished)
        except OSError as error:
            raise StoreFull(
                f"the converted model can't be stored in {self._folder}: {error.strerror}",
                hint="make room and make the folder writable, or move Fireside's home with FIRESIDE_HOME",
            ) from error
        return plan.reference

    async def measure(self, reference: str, told: Told) -> Measured:
        """Measure a converted model beside the one that it was made from, and keep what was found.

        BadRequest for a model that wasn't made here or doesn't write, ModelNotFound where its original is
        gone, Conflict while another is converted or compared; otherwise what engines raise.
        """
        card = await asyncio.to_thread(self._library.card, reference)
        if card.conversion is None:
            raise BadRequest(
                f"{card.reference} wasn't converted here",
                hint="name one that was: fireside models convert REF --to Q4_0",
                param="reference",
            )
        if card.purpose != "chat":
            raise BadRequest(
                f"{card.name} doesn't write, so no text can be judged by it",
                hint="compare what it is used for",
                param="reference",
            )
        before = await asyncio.to_thread(self._files.at_hand, card.conversion.source)
        after = await asyncio.to_thread(self._files.at_hand, card.reference)
        if before is None or after is None:
            raise ModelNotFound(
                f"{card.conversion.source} isn't here any more",
                hint=f"fetch it: fireside models pull {card.conversion.source}",
            )
        with one_at_a_time(self._folder):
            measured = await measure(before, after, self._start, self._today(), told)
        with suppress(OSError):  # what was measured is told all the same
            await asyncio.to_thread(_keep, Path(card.path or "").parent, measured)
        return measured

    def _making(self, reference: str, kind: str, name: str | None) -> _Making:
        if kind not in KINDS:
            raise BadRequest(
                f"there is no format {kind!r} to convert to",
                hint=f"the formats are: {', '.join(KINDS)}",
                param="to",
            )
        asked = self._library.card(reference)
        card = self._source(asked)
        path = Path(card.path or "")
        parts = tuple(parts_of(path))
        tables = [read_tensor_table(part) for part in parts]
        tensors = [tensor for _, table in tables for tensor in table]
        _check_formats(card, tensors)
        values = tables[0][0]
        architecture = card.architecture or ""
        shape = Shape(
            architecture,
            layers=values.whole(f"{architecture}.block_count") or 0,
            experts=values.whole(f"{architecture}.expert_count") or 0,
        )
        chosen = mixture(tensors, shape, kind)
        formats = {tensor.name: tensor.number for tensor in tensors}
        if card.quantization == kind or all(formats[one.name] == one.number for one in chosen):
            raise BadRequest(
                f"{card.name} has this format already",
                hint="choose another format",
                param="to",
            )
        besides = card.size_bytes - sum(tensor.size_bytes for tensor in tensors)
        size_bytes = sum(one.size_bytes + -one.size_bytes % ALIGNMENT for one in chosen) + max(0, besides)
        made = f"converted:{name or _name_for(card, kind)}"
        plan = Plan(
            reference=str(parse(made)),
            source=card.reference,
            kind=kind,
            size_bytes=size_bytes,
            source_bytes=card.size_bytes,
            notices=_notices(card, size_bytes, asked.adapters),
        )
        return _Making(
            msgspec.structs.replace(plan, is_here=self._is_here(plan)), card, parts, tensors=chosen
        )

    def _source(self, asked: ModelCard) -> ModelCard:
        """Return the model whose file is converted: an alias stands for its model."""
        card = self._library.card(asked.alias_of) if asked.alias_of else asked
        if card.place == "elsewhere" or card.weights != "gguf":
            raise BadRequest(
                f"{card.name} is no GGUF model, and only those can be converted",
                hint="look for a GGUF of it: fireside models search NAME",
                param="reference",
            )
        if not card.installed:
            raise ModelNotFound(
                f"{card.name} isn't here yet", hint=f"fetch it: fireside models pull {card.reference}"
            )
        self._library.weights(card.reference)  # its header is checked
        return card

    def _is_here(self, plan: Plan) -> bool:
        try:
            conversion = self._library.card(plan.reference).conversion
        except ModelNotFound:
            return False
        if conversion and (conversion.source, conversion.kind) == (plan.source, plan.kind):
            return True
        raise Conflict(f"{plan.reference} is another model", hint="choose another name with --name")

    def _check_room(self, plan: Plan) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._folder).free
        if free < plan.size_bytes + SPARE_BYTES:
            raise StoreFull(
                f"{plan.size_bytes:,} bytes are needed, and {free:,} are free in {self._folder}",
                hint="make room, or move Fireside's home to another disk with FIRESIDE_HOME",
            )


def _task(making: _Making, target: Path) -> Task:
    return Task(
        sources=tuple(map(str, making.parts)),
        target=str(target),
        tensors=tuple((tensor.name, tensor.number) for tensor in making.tensors),
        file_type=FILE_NUMBERS[making.plan.kind],
        threads=machine.usable_cores(),
        limit_bytes=making.plan.size_bytes + SPARE_BYTES,
    )


def _settle(new: Path, making: _Making, finished: Finished) -> None:
    """Look at what was written before it counts as a model."""
    path, card = new / FILE, making.card
    made, source = gguf_facts(path), gguf_facts(making.parts[0])
    if (made.architecture, made.tokenizer) != (source.architecture, source.tokenizer):
        raise ModelDamaged("the conversion came out as another model", hint="tell Fireside's makers")
    status = path.stat()
    settle(
        new,
        Record(
            origin=f"{card.origin}; converted here",
            conversion=Conversion(card.reference, making.plan.kind, card.quantization),
            sha256=finished.sha256,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            licence=card.licence,
            terms=card.terms,
            languages=card.languages,
            tuned_for=card.tuned_for,
            defaults=card.defaults,
        ),
    )


def _keep(folder: Path, measured: Measured) -> None:
    record = read_record(folder)
    if record is not None:  # it may have been removed meanwhile
        conversion = msgspec.structs.replace(record.conversion, measured=measured)
        write_record(folder, msgspec.structs.replace(record, conversion=conversion))


def _check_formats(card: ModelCard, tensors: list[Tensor]) -> None:
    unknown = {tensor.kind for tensor in tensors if tensor.number not in TENSOR_BLOCKS}
    if unknown:
        raise BadRequest(
            f"{card.name} has weights of a format that isn't known here ({', '.join(sorted(unknown))})",
            hint="convert another file of this model",
            param="reference",
        )


def _notices(card: ModelCard, size_bytes: int, adapters: Sequence[str]) -> tuple[str, ...]:
    was = card.quantization
    shortened = was not in (None, *WHOLE)
    said = {
        f"its weights were shortened to {was} before, and what was lost then can't come back: "
        "a file of 16-bit weights would be the better original": shortened,
        "it becomes larger than the original and no better: only speed can be won": (
            shortened and size_bytes >= card.size_bytes
        ),
        "the adapters aren't converted: give them to the new model with fireside models alias": bool(
            adapters
        ),
        "it won't see pictures until it is given its projector: "
        "fireside models alias NAME REF --projector FILE": bool(card.sees),
    }
    return tuple(sentence for sentence, holds in said.items() if holds)


def _name_for(card: ModelCard, kind: str) -> str:
    """Return a name for the new model, from the original's.

    >>> card = ModelCard("hf:maker/tiny", "Tiny Model.Q4_1", "", None, 0, True)
    >>> _name_for(card, "Q8_0")
    'Tiny-Model-Q8_0'
    """
    called = Path(card.path or "").stem if card.reference.startswith("file:") else card.name
    stem = _UNFIT.sub("-", _ENDING.sub("", called)).strip("-._")[:80]
    return f"{stem or 'model'}-{kind}"
