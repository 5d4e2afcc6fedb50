"""Conversations of Fireside's own JSON (exports.py), of this version and earlier ones."""

from __future__ import annotations

from fireside.conversations import ReplyStatus
from fireside.errors import BadImport
from fireside.messages import Message
from fireside.store.exports import FORMAT, VERSION, ExportedConversation, ExportedMessage
from fireside.store.import_elements import Opening, decoded
from fireside.store.import_tree import in_order, origin_of, sane_ms
from fireside.store.imported import ImportedConversation, ImportedMessage


def check_version(name: str, opening: Opening) -> None:
    """Raise BadImport for a document that a newer Fireside wrote."""
    if opening.format == FORMAT and opening.version != VERSION:
        raise BadImport(
            f"{name} is of version {str(opening.version)[:20]}; this program reads version {VERSION}",
            hint="upgrade Fireside, then import again",
        )


def read_fireside(data: bytes) -> ImportedConversation:
    """Return one exported conversation with all its branches; msgspec.DecodeError when it is none."""
    found = decoded(data, ExportedConversation)
    messages = in_order(found.messages)
    seen: set[str] = set()
    return ImportedConversation(
        origin=origin_of("fireside", found.id, data),
        title=found.title,
        created_at=sane_ms(found.created_at),
        updated_at=sane_ms(found.updated_at),
        head_id=found.head_id if any(message.id == found.head_id for message in messages) else None,
        messages=tuple(_message(message, seen) for message in messages),
        defaults=found.defaults,
        pinned=found.pinned,
    )


def _message(message: ExportedMessage, seen: set[str]) -> ImportedMessage:
    """The message as the store takes it; `seen` are the ids before it, where a parent must be."""
    parent_id = message.parent_id if message.parent_id in seen else None
    seen.add(message.id)
    return ImportedMessage(
        id=message.id,
        parent_id=parent_id,
        message=Message(message.role, message.parts),
        created_at=sane_ms(message.created_at),
        model=message.model,
        # It was exported while it was being written: here nobody goes on writing it.
        status=message.status if message.status.ended else ReplyStatus.INTERRUPTED,
        defaults=message.defaults,
        continues=message.continues if message.continues in seen else None,
        finish_reason=message.finish_reason,
        usage=message.usage,
        timings=message.timings,
        failure=message.failure,
        pinned=message.pinned,
    )
