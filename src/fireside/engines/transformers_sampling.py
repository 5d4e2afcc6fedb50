"""How the child of the `transformers` engine chooses tokens: llama.cpp's meanings, order and defaults.

What a setting means must not depend on the engine that a model needs. transformers' own settings mean
something else in places (its temperature comes first, its penalty sees the whole prompt).
Source: llama.cpp, tools/server/README.md, "POST /completion", and src/llama-sampler.cpp.
"""

from __future__ import annotations

from typing import Any

import msgspec

COLDEST = 1e-3
"""temperatures below this are greedy: dividing by them overflows"""


class Choice(msgspec.Struct, frozen=True):
    """How the next token is chosen; the defaults are llama.cpp's."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    logit_bias: dict[str, float] = msgspec.field(default_factory=dict)

    @property
    def greedy(self) -> bool:
        # Summed up in 32 bits, probabilities pass 1 before the end, so a `top_p` of 0 would leave several.
        return self.temperature < COLDEST or self.top_p == 0.0

    @property
    def penalises(self) -> bool:
        changes = self.repeat_penalty != 1.0 or self.presence_penalty or self.frequency_penalty
        return bool(changes) and self.repeat_last_n != 0


def steps(choice: Choice) -> Any:
    """Return what changes the scores of the next token, in order, for `generate`."""
    from transformers import (
        LogitsProcessorList,
        MinPLogitsWarper,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
        TypicalLogitsWarper,
    )

    listed: list[Any] = []
    if choice.logit_bias:
        listed.append(_Biases(choice.logit_bias))
    if choice.penalises:
        listed.append(_Penalties(choice))
    if not choice.greedy:
        if choice.top_k > 0:
            listed.append(TopKLogitsWarper(top_k=choice.top_k))
        if choice.typical_p < 1.0:
            listed.append(TypicalLogitsWarper(mass=max(choice.typical_p, COLDEST)))
        if choice.top_p < 1.0:
            listed.append(TopPLogitsWarper(top_p=choice.top_p))
        if choice.min_p > 0.0:
            listed.append(MinPLogitsWarper(min_p=choice.min_p))
        if choice.temperature != 1.0:
            listed.append(TemperatureLogitsWarper(choice.temperature))
    return LogitsProcessorList(listed)


class _Biases:
    def __init__(self, biases: dict[str, float]) -> None:
        self._biases = {int(number): bias for number, bias in biases.items()}

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        for number, bias in self._biases.items():
            if number < scores.shape[-1]:
                scores[:, number] += bias
        return scores


class _Penalties:
    """Makes tokens less likely that are among the last ones, prompt included."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        choice = self._choice
        last = input_ids[0] if choice.repeat_last_n < 0 else input_ids[0, -choice.repeat_last_n :]
        ids, counts = torch.unique(last, return_counts=True)
        ids, counts = ids.to(scores.device), counts.to(scores.device)
        chosen = scores[0, ids]
        repeated = torch.where(chosen > 0, chosen / choice.repeat_penalty, chosen * choice.repeat_penalty)
        scores[0, ids] = repeated - counts * choice.frequency_penalty - choice.presence_penalty
        return scores
