"""Commands about memory: /context /remember /forget /memories."""

from __future__ import annotations

from collections.abc import Sequence

from fireside.cli.chat.branches import last_reply
from fireside.cli.chat.commands_view import columns
from fireside.cli.chat.session import Session
from fireside.cli.languages import _, _n
from fireside.cli.memories import choose, off
from fireside.cli.visible import visible_line
from fireside.cli.warmth import lines
from fireside.errors import BadRequest, Conflict
from fireside.messages import Receipt


async def context(session: Session, argument: str) -> None:
    """Tell in plain words what the model was given for the last reply."""
    tree = await session.tree()
    reply = last_reply(tree, session.head_id)
    if reply is None or reply.receipt is None:
        raise Conflict(_("there is no reply with a receipt on this branch"), hint=_("write something first"))
    receipt = await session.client.receipt(reply.id)
    for line in receipt_lines(receipt):
        session.screen.say(line)
    if receipt.memories:
        kept = {memory.id: memory.text for memory in (await session.client.memories.all()).memories}
        for memory in receipt.memories:
            session.screen.say("- " + visible_line(kept.get(memory, _("a memory that is forgotten"))))
    for line in lines(tree.conversation.warmth):
        session.screen.say(line)


def receipt_lines(receipt: Receipt) -> list[str]:
    """Return a receipt in plain words."""
    used = receipt.prompt_tokens / receipt.context_length if receipt.context_length else 0
    lines = [
        _(
            "the prompt took {used} of the {window} tokens of the window ({share})",
            used=f"{receipt.prompt_tokens:,}",
            window=f"{receipt.context_length:,}",
            share=f"{used:.0%}",
        ),
        _n("{count} message word for word", "{count} messages word for word", len(receipt.included)),
    ]
    if receipt.digested:
        lines.append(_n("{count} message as a digest", "{count} messages as a digest", len(receipt.digested)))
    if receipt.recalled:
        lines.append(_n("{count} message recalled", "{count} messages recalled", len(receipt.recalled)))
    left_out = len(receipt.omitted)
    lines.append(
        _n("{count} message left out", "{count} messages left out", left_out)
        if left_out
        else _("nothing left out")
    )
    if receipt.reason:
        lines.append(receipt.reason)
    if receipt.digest:
        lines += [_("the digest:"), receipt.digest]
    if receipt.memories:
        lines.append(_n("{count} memory:", "{count} memories:", len(receipt.memories)))
    return lines


async def remember(session: Session, argument: str) -> None:
    """Remember a text in all conversations."""
    if not argument:
        example = "/remember I am allergic to peanuts"
        raise BadRequest(_("there is nothing to remember"), hint=_("for example: {example}", example=example))
    kept = await session.client.memories.add(argument)
    session.screen.note(_("remembered: {words}", words=visible_line(kept.text)))
    if not (await session.client.memories.all()).on:
        session.screen.note(off())


async def forget(session: Session, argument: str) -> None:
    """Forget the memory with this number or these words."""
    kept = (await session.client.memories.all()).memories
    if not argument:
        await memories(session, "")
        session.screen.note(_("/forget NUMBER forgets one"))
        return
    chosen = choose(kept, argument)
    await session.client.memories.forget(chosen.id)
    session.screen.note(_("forgotten: {words}", words=visible_line(chosen.text)))


async def memories(session: Session, argument: str) -> None:
    """List the memories, or switch them on or off."""
    if argument not in ("", "on", "off"):
        raise BadRequest(_("{word} is neither on nor off", word=argument))
    if argument:
        await session.client.memories.switch(on=argument == "on")
    found = await session.client.memories.all()
    columns(session.screen, [(f"{number}", memory.text) for number, memory in enumerate(found.memories, 1)])
    if not found.memories:
        session.screen.note(_("nothing is remembered yet: /remember TEXT"))
    session.screen.note(_("conversations are given them") if found.on else off())


async def numbered(session: Session) -> Sequence[tuple[str, str]]:
    kept = (await session.client.memories.all()).memories
    return [(f"{number}", memory.text) for number, memory in enumerate(kept, 1)]
