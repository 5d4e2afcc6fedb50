"""`fireside bench`: how fast a model answers on this machine, in words and seconds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from fireside.cli.flags import json_flag
from fireside.cli.languages import _
from fireside.cli.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fireside.client.benched import Answers, Benched, Kind, Spread
    from fireside.client.routes import AsyncClient

PAGE_TOKENS = 650
"""of English, which are about 500 words"""
WORDS_READ_PER_S = 4.0
"""by people, silently: 238 a minute (Brysbaert, Journal of Memory and Language 109, 2019)"""
Row = tuple[str, str, str]


@click.command("bench")
@click.argument("model", metavar=_("[MODEL]"), required=False)
@json_flag
def bench(model: str | None, json: bool) -> None:
    from fireside.cli.output import note, print_json, print_table, say
    from fireside.client.defaults import absolute_reference

    wanted = absolute_reference(model) if model else None
    found = run(lambda client: _measured(client, wanted))
    if json:
        print_json(found)
        return
    say(_about(found))
    say("")
    print_table((_("what"), _("median"), _("least to most")), [*_rows(found)])
    say("")
    for line in _in_words(found):
        say(line)
    if found.was_busy:
        note(_("other programs kept this machine busy while it was measured: it can be faster"))
    if advice := _advice(found):
        note(advice)


async def _measured(client: AsyncClient, wanted: str | None) -> Benched:
    from fireside.cli.output import waiting
    from fireside.client.benching import bench
    from fireside.client.defaults import model_of_environment

    model = wanted or model_of_environment(None, os.environ) or (await client.status()).default_model
    with waiting() as line:
        return await bench(client, model, line.show)


def _about(found: Benched) -> str:
    """Return which model ran, and in what."""
    told = [f"{found.name} ({found.model})", _engine_words(found.kind, found.engine), found.build]
    if found.tuned:
        told.append(_("tuned"))
    if found.device == "gpu":
        told.append(_("on the graphics processor"))
    elif found.threads is not None:
        told.append(
            _("threads: {writing} write, {reading} read", writing=found.threads, reading=found.prompt_threads)
        )
    told.append(
        _("{count:,} tokens in each of {slots} conversations", count=found.context_length, slots=found.slots)
    )
    return " · ".join(filter(None, told))


def _engine_words(kind: Kind, engine: str) -> str:
    return {
        "prebuilt": _("the engine that came with Fireside"),
        "built": _("the engine that was built here"),
        "own": _("your own llama-server"),
        "other": engine,
    }[kind]


def _rows(found: Benched) -> Iterator[Row]:
    yield _first_word(_("first word, to a short question"), found.short)
    yield _first_word(_("… to a question of a hundred words"), found.hundred_words)
    tokens = found.long.read_tokens
    yield _first_word(_("… to a new text of {count:,} tokens", count=tokens), found.long)
    yield _first_word(_("… to the next question about it"), found.following)
    reading = found.long.read_tokens_per_s
    yield _spread(_("reading, tokens a second"), reading)
    if found.short.reply_tokens_per_s:
        yield _spread(_("writing, words a second"), _in_english(found.short.reply_tokens_per_s))
    if found.long.reply_tokens_per_s:
        words = _in_english(found.long.reply_tokens_per_s)
        yield _spread(_("… behind {count:,} tokens", count=tokens), words)
    if found.together.conversations > 1:
        both = found.together.tokens_per_s * _word_share()
        yield _("… {count} replies at once, together", count=found.together.conversations), _number(both), ""
    yield _("loading it"), _seconds(found.load_s), ""
    if found.memory_bytes is not None:
        from fireside.cli.output import size

        yield _("memory that it takes"), size(found.memory_bytes), ""


def _in_words(found: Benched) -> Iterator[str]:
    """Yield what a person would tell a friend, and how good the prediction was."""
    page_s = PAGE_TOKENS / found.long.read_tokens_per_s.median
    reply = found.short.reply_tokens_per_s
    if reply is None:
        yield _("It reads a page of text in {time}.", time=_seconds(page_s))
        return
    words = reply.median * _word_share()
    yield _(
        "It reads a page of text in {time} and writes {words} words a second, "
        "about {times} times as fast as people read.",
        time=_seconds(page_s),
        words=_number(words),
        times=_number(words / WORDS_READ_PER_S),
    )
    predicted = found.predicted
    if predicted.words_per_s is None or predicted.first_word_s is None:
        return
    yield _(
        "`fireside models fit` said: {words} words a second, a first word to a hundred words after {time}.",
        words=_number(predicted.words_per_s),
        time=_seconds(predicted.first_word_s),
    )


def _advice(found: Benched) -> str | None:
    """Return what would make it faster, where that is known."""
    if found.device == "gpu":
        return None
    if found.kind == "prebuilt":
        return _("`fireside tune --build` makes an engine for this processor, which is often much faster")
    if found.kind == "built" and not found.tuned:
        return _("`fireside tune` finds how this model runs best in it")
    return None


def _first_word(words: str, answers: Answers) -> Row:
    found = answers.first_word_s
    return words, _seconds(found.median), f"{_seconds(found.least)} – {_seconds(found.most)}"


def _spread(words: str, found: Spread) -> Row:
    return words, _number(found.median), f"{_number(found.least)} – {_number(found.most)}"


def _in_english(found: Spread) -> Spread:
    """Return words per second of tokens per second."""
    share = _word_share()
    return type(found)(found.median * share, found.least * share, found.most * share)


def _word_share() -> float:
    from fireside.predictions import WORDS_PER_TOKEN

    return WORDS_PER_TOKEN


def _seconds(seconds: float) -> str:
    """
    >>> _seconds(0.0123), _seconds(0.26), _seconds(2.44), _seconds(48.2)
    ('0.01 s', '0.26 s', '2.4 s', '48 s')
    """
    if seconds < 1:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def _number(number: float) -> str:
    """
    >>> _number(0.47), _number(8.26), _number(132.4)
    ('0.5', '8.3', '132')
    """
    return f"{number:.1f}" if number < 10 else f"{number:,.0f}"
