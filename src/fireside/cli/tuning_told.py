"""What `fireside tune` tells while it measures a model, and of what it found."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from fireside.cli.languages import _

if TYPE_CHECKING:
    from fireside.profiles import Kind, Profile, Tried, Trying, Wish


async def tuned(wish: Wish) -> Profile:
    """Return the profile of a model, telling on the way how far it is."""
    from fireside.cli.output import waiting
    from fireside.client.tuning import tune
    from fireside.errors import EngineError
    from fireside.profiles import Profile, Trying

    with waiting() as line:
        line.tell(_("looking how fast the model is now"))
        async with aclosing(tune(wish)) as steps:
            async for step in steps:
                if isinstance(step, Profile):
                    return step
                if isinstance(step, Trying):
                    line.tell(_words(step))
    raise EngineError(_("the measuring broke off"), hint=_("do it again"))


def _words(step: Trying) -> str:
    from fireside.cli.chat.waiting import time_left

    drawn = "█" * (10 * step.done // step.total)
    return _(
        "{bar} trying {name} · {time} left at most",
        bar=f"{drawn:░<10}",
        name=_setting(step.name),
        time=time_left(step.left_s),
    )


def tell_profile(profile: Profile, *, dry_run: bool) -> None:
    """Print what was tried, the speeds before and after, and what happens from now on."""
    from fireside.cli.output import print_table, say, size

    tried = [
        (_setting(one.name), _value(one.value), _gain(one), _("taken") if one.taken else "")
        for one in profile.trials
    ]
    print_table((_("tried"), _("value"), _("faster"), ""), tried)
    say("")
    speeds = [
        (_kind(one.kind), f"{one.before:.0f}", f"{one.after:.0f}", f"{one.after / one.before:.2f}")
        for one in profile.speeds
    ]
    print_table((_("tokens in a second"), _("before"), _("after"), _("times")), speeds)
    say(_("measured with {model} on {engine}", model=profile.model, engine=profile.measured_with.engine))
    if profile.was_busy:
        say(_("others keep this machine busy: threads were left alone; measure again when it is quiet"))
    if profile.memory_bytes:
        say(_("the model takes about {size} of memory with it", size=size(profile.memory_bytes)))
    if dry_run:
        say(_("nothing was written"))
    else:
        say(_("used from the next load of the model on; `fireside tune --reset` goes back"))


def _setting(name: str) -> str:
    return {
        "prompt_threads": _("threads that read"),
        "threads": _("threads that write"),
        "waiting": _("how threads wait"),
        "batch": _("tokens read at once"),
        "flash_attention": _("flash attention"),
        "cache_type": _("a smaller cache"),
        "speculation": _("drafts of what is likely"),
        "slots": _("conversations at once"),
        "compared": _("everything together"),
    }.get(name, name)


def _value(value: str) -> str:
    return {
        "True": _("on"),
        "passive": _("asleep"),
        "active": _("awake"),
        "ngram": _("from the text before"),
    }.get(value, value)


def _kind(kind: Kind) -> str:
    return {
        "reading": _("reading what you write"),
        "long": _("reading a long text"),
        "writing": _("writing replies"),
        "later": _("a turn later in a conversation"),
        "chat": _("chatting"),
        "editing": _("editing a text"),
        "summarising": _("summarising a text"),
        "together": _("eight people at once, together"),
    }[kind]


def _gain(tried: Tried) -> str:
    if not tried.gain:
        return _("doesn't run")
    told = f"{tried.gain:.2f}"
    return told if tried.loss is None else f"{told} " + _("(loss {loss:.2%})", loss=max(0.0, tried.loss))
