"""Generation in the child of the `transformers` engine: one conversation at a time, its cache kept.

transformers' own `generate` does the work. Around it: the prompt is read in parts, so that it can be told
how far it is, and what the last prompt and this one share isn't read again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from fireside.engines.transformers_sampling import Choice, steps
from fireside.engines.transformers_text import Speller, Texts

READ_TOGETHER = 128
"""tokens of a prompt that are read at once"""


class Wish(msgspec.Struct, frozen=True):
    """One request: ids to go on from, and how. `n_predict` 0 only reads."""

    prompt: tuple[int, ...]
    n_predict: int
    choice: Choice = Choice()


class Cancelled(Exception):
    """Nobody waits for this any more."""


Emit = Callable[[dict[str, Any]], None]


class Writer:
    """A loaded model. `write` is called from one thread only."""

    def __init__(self, model: Any, texts: Texts, context_length: int) -> None:
        self._model = model
        self._texts = texts
        self._context_length = context_length
        self._ends = texts.ends(model.generation_config.eos_token_id)
        self._cache: Any = None
        self._held: tuple[int, ...] = ()
        """the ids whose states are in the cache"""
        self._cancelled = threading.Event()
        for layer in _layers(model):
            layer.register_forward_pre_hook(self._look_up)

    def _look_up(self, *_: object) -> None:
        """Between two layers: a long prompt is given up in the middle of reading."""
        if self._cancelled.is_set():
            raise Cancelled

    @property
    def cuttable(self) -> bool:
        return self._has_cache() and _cuttable(self._new_cache())

    def write(self, wish: Wish, emit: Emit, cancelled: threading.Event) -> None:
        """Read the prompt and go on from it; events, in llama.cpp's shapes, go to `emit`."""
        import torch

        self._cancelled = cancelled
        prompt = wish.prompt
        room = self._context_length - len(prompt)
        if refusal := self._refusal(prompt, room if wish.n_predict else room + 1):
            emit(refusal)
            return
        streamer = _Streamer(self._texts, prompt, self._ends, cancelled, emit)
        try:
            with torch.inference_mode():
                cached = self._reuse(prompt)
                self._read(prompt, cached, all_of_it=wish.n_predict == 0, emit=emit)
                if wish.n_predict:
                    self._generate(prompt, wish, min(wish.n_predict, room), streamer)
        finally:
            self._keep((*prompt, *streamer.ids))
        emit(streamer.ending())

    def _refusal(self, prompt: Sequence[int], room: int) -> dict[str, Any] | None:
        """Return why a prompt can't be read. An unknown id would end a graphics processor's whole process."""
        if not prompt:
            return _bad("the prompt is empty")
        known = self._model.get_input_embeddings().num_embeddings
        if min(prompt) < 0 or max(prompt) >= known:
            return _bad(f"the prompt has a token that the model doesn't know: its ids end at {known - 1}")
        return None if room > 0 else _too_long(len(prompt), self._context_length)

    def _generate(self, prompt: Sequence[int], wish: Wish, limit: int, streamer: _Streamer) -> None:
        import torch
        from transformers import GenerationConfig

        torch.manual_seed(wish.choice.seed) if wish.choice.seed is not None else torch.seed()
        ids = torch.tensor([prompt], device=self._model.device)
        known = {"cache": self._cache} if self._cache is not None else {}
        self._model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=GenerationConfig(
                max_new_tokens=limit,
                do_sample=not wish.choice.greedy,
                eos_token_id=self._ends or None,
                pad_token_id=self._ends[0] if self._ends else 0,
                # The choice is made by `steps` alone.
                temperature=1.0,
                top_k=0,
                top_p=1.0,
            ),
            logits_processor=steps(wish.choice),
            streamer=streamer,
            **known,
        )

    def _reuse(self, prompt: Sequence[int]) -> int:
        """Cut the cache to what it shares with `prompt`; return how many tokens that are.

        The prompt's last token is always read anew: what comes next is computed from it.
        """
        if not self._has_cache():
            return 0
        shared = next(
            (at for at, (one, other) in enumerate(zip(self._held, prompt, strict=False)) if one != other),
            min(len(self._held), len(prompt)),
        )
        shared = min(shared, len(prompt) - 1)
        if self._cache is None or shared == 0 or not self._cut(shared):
            self._cache, self._held, shared = self._new_cache(), (), 0
        self._held = self._held[:shared]
        return shared

    def _cut(self, length: int) -> bool:
        """Cut every layer of the cache to `length` tokens, if that can be done."""
        lengths = [layer.get_seq_length() for layer in self._cache.layers]
        if all(one == length for one in lengths):
            return True
        if not _cuttable(self._cache) or min(lengths) < length:
            return False
        for layer, has in zip(self._cache.layers, lengths, strict=True):
            layer.crop(length - has)
        return True

    def _read(self, prompt: Sequence[int], cached: int, *, all_of_it: bool, emit: Emit) -> None:
        """Read the prompt up to its last token, or to its end."""
        import torch

        end = len(prompt) if all_of_it else len(prompt) - 1
        emit(_progress(len(prompt), cached, cached))
        if self._cache is None:
            return
        for begin in range(cached, end, READ_TOGETHER):
            part = prompt[begin : min(end, begin + READ_TOGETHER)]
            ids = torch.tensor([part], device=self._model.device)
            seen = torch.ones((1, begin + len(part)), dtype=torch.long, device=ids.device)
            inputs = self._model.prepare_inputs_for_generation(ids, cache=self._cache, attention_mask=seen)
            self._model(**inputs, return_dict=True)
            emit(_progress(len(prompt), cached, begin + len(part)))

    def _keep(self, ids: tuple[int, ...]) -> None:
        """Remember what the cache holds; a layer that was ahead of the others is cut back."""
        if self._cache is None:
            return
        shortest = min((layer.get_seq_length() for layer in self._cache.layers), default=0)
        if self._cut(min(shortest, len(ids))):
            self._held = ids[:shortest]
        else:
            self._cache, self._held = None, ()

    def _has_cache(self) -> bool:
        return bool(self._model._supports_default_dynamic_cache())

    def _new_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self._model.config.get_text_config(decoder=True))


class _Streamer:
    """What `generate` hands tokens to: first the prompt, then one by one."""

    def __init__(
        self, texts: Texts, prompt: Sequence[int], ends: Sequence[int], cancelled: threading.Event, emit: Emit
    ) -> None:
        self.ids: list[int] = []
        self._ends = frozenset(ends)
        self._cancelled = cancelled
        self._emit = emit
        self._speller = Speller(texts.spell, prompt)
        self._is_prompt = True
        self._prompt_tokens = len(prompt)

    def put(self, value: Any) -> None:
        if self._is_prompt:
            self._is_prompt = False
            return
        for number in value.tolist():
            self.ids.append(number)
            spelled = None if number in self._ends else self._speller.add(number)
            if spelled:
                text, ids = spelled
                self._emit({"content": text, "tokens": ids, "tokens_predicted": len(self.ids)})
        if self._cancelled.is_set():
            raise Cancelled

    def end(self) -> None:
        """Part of what `generate` expects; `ending` tells it when everything is put away."""

    def ending(self) -> dict[str, Any]:
        ended = bool(self.ids) and self.ids[-1] in self._ends
        # Behind half a character, or tokens that aren't shown, the count goes on without a text.
        return {
            "stop": True,
            "stop_type": "eos" if ended else "limit",
            "tokens_predicted": len(self.ids),
            "tokens_evaluated": self._prompt_tokens,
        }


def _layers(model: Any) -> Any:
    """Return the model's layers, as far as they can be told from lists of other parts (experts, say)."""
    from torch.nn import ModuleList

    count = getattr(model.config.get_text_config(decoder=True), "num_hidden_layers", 0)
    lists = [module for module in model.modules() if isinstance(module, ModuleList)]
    return next((one for one in lists if len(one) == count), max(lists, key=len, default=()))


def _cuttable(cache: Any) -> bool:
    return bool(cache.is_croppable) and not any(cache.is_sliding)


def _progress(total: int, cached: int, done: int) -> dict[str, Any]:
    return {"prompt_progress": {"total": total, "cache": cached, "processed": done}}


def _bad(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "code": 400}}


def _too_long(tokens: int, limit: int) -> dict[str, Any]:
    message = f"the prompt has {tokens} tokens; the model's window is {limit}"
    return {"error": {"message": message, "type": "exceed_context_size_error", "code": 400}}
