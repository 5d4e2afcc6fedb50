"""Texts and token ids in the child of the `transformers` engine: the model's template and tokenizer.

Two tokenizers of the same vocabulary: one reads control tokens, for text from templates; the other takes
everything for letters, for what people say.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

from fireside.errors import BadRequest

SEEMS_CONTROL = re.compile(r"<\S{1,60}>|\[\S{1,40}\]")
"""how control tokens look; some models forget to say that theirs are"""
ENDS_A_TURN = (
    *("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end|>", "<|end_of_text|>", "<|eom_id|>"),
    *("<end_of_turn>", "<turn|>", "<|end_of_turn|>", "<|return|>", "</s>", "<|END_OF_TURN_TOKEN|>"),
)
"""tokens that end a turn in the models that have them, whatever the files say (as llama.cpp takes them)"""
CONTEXT = 16
"""tokens of the prompt that decide whether the first word of an answer has a space before it"""

Ids = Sequence[int]


class Texts:
    """The model's tokenizer and template; every method may be called from any thread."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.template: str | None = _template_of(tokenizer)
        self._letters = _letters_only(tokenizer, self.template or "")
        # A fast tokenizer must not be changed by one thread while another uses it.
        self._using = threading.Lock()

    def render(self, messages: list[dict[str, Any]], choices: dict[str, Any]) -> str:
        """Return what the template makes of `messages` and an answer's beginning."""
        import jinja2

        try:
            with self._using:
                text: str = self.tokenizer.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=True, **choices
                )
        except (jinja2.TemplateError, RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadRequest(
                f"the chat template refuses this: {error}", hint="leave out the system text"
            ) from error
        return text

    def tokenize(self, text: str, *, special: bool, whole: bool) -> list[int]:
        """Return the ids of `text`; control tokens are read as such with `special` only."""
        with self._using:
            if special or self._letters is None:
                ids = self.tokenizer.encode(text, add_special_tokens=whole, split_special_tokens=not special)
                return [int(number) for number in ids]
            encoded = self._letters.encode(text, add_special_tokens=whole)
            return [int(number) for number in encoded.ids]

    def spell(self, ids: Ids) -> str:
        """Return the text of `ids` without control tokens."""
        with self._using:
            text: str = self.tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            return text

    def ends(self, told: Any) -> list[int]:
        """Return the ids that end an answer: those that the model's files tell, and the well-known ones."""
        listed = told if isinstance(told, list) else [told]
        known = self.tokenizer.get_added_vocab()
        found = [*listed, self.tokenizer.eos_token_id, *(known.get(token) for token in ENDS_A_TURN)]
        return list(dict.fromkeys(int(number) for number in found if number is not None))


def _template_of(tokenizer: Any) -> str | None:
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default")
    return template or None


def _letters_only(tokenizer: Any, template: str) -> Any:
    """Return a tokenizer that takes control tokens for letters; None where only the slow kind can do that.

    What a template writes, or what looks like a control token, counts as one, whatever the files say.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    from tokenizers import Tokenizer

    described = json.loads(backend.to_str())
    described["truncation"] = described["padding"] = None
    for token in described.get("added_tokens") or ():
        content = token["content"]
        writes_it = bool(content.strip()) and content in template
        token["special"] = token["special"] or writes_it or bool(SEEMS_CONTROL.fullmatch(content))
    letters = Tokenizer.from_str(json.dumps(described))
    letters.encode_special_tokens = True
    return letters


class Speller:
    """Makes whole characters of ids as they come, with the ids that spell them.

    >>> speller = Speller(lambda ids: bytes(ids).decode("utf-8", "replace"), [])
    >>> speller.add(97), speller.add(0xC3), speller.add(0xA9)
    (('a', [97]), None, ('é', [195, 169]))
    """

    def __init__(self, spell: Callable[[Ids], str], prompt: Ids) -> None:
        self._spell = spell
        self._ids = list(prompt[-CONTEXT:])
        self._told = len(self._ids)
        """how many of them are spelled; a few of those stay as the context of the next"""
        self._from = 0

    def add(self, number: int) -> tuple[str, list[int]] | None:
        """Return the text that `number` completes and its ids; None where it completes none."""
        self._ids.append(number)
        before = self._spell(self._ids[self._from : self._told])
        whole = self._spell(self._ids[self._from :])
        if len(whole) <= len(before) or whole.endswith("\ufffd"):
            return None
        ids = self._ids[self._told :]
        self._from, self._told = self._told, len(self._ids)
        return whole[len(before) :], ids
