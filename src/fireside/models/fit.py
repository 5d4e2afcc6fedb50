"""How fast a model will run on a machine, and whether it fits: from its dimensions and a few measurements.

Two kinds of work are told apart. *Writing* takes one token at a time: every weight is fetched from memory and
multiplied once, so a token takes whatever is slower, fetching or multiplying (the roofline of Williams,
Waterman and Patterson, CACM 52(4), 2009). *Reading* takes many tokens at a time, so fetching hardly counts.
Both also look back at what stands before, and spend a little on each layer.
Every speed is a measurement of this machine with its own engine; see docs/decisions/0016-fit.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from fireside.models.demand import Demand
from fireside.predictions import READ_TOKENS, TALKED_TOKENS, WORDS_PER_TOKEN, Basis, Prediction

MULTIPLIED_LIKE = {
    "F32": "F16",
    "BF16": "F16",
    "Q4_1": "Q4_0",
    "Q5_0": "Q5_1",
    "Q5_1": "Q4_1",
    "IQ4_NL": "Q4_0",
    "MXFP4": "Q4_0",
    "Q2_K": "Q4_K",
    "Q3_K": "Q4_K",
    "Q5_K": "Q4_K",
    "Q6_K": "Q5_K",
    "IQ4_XS": "Q4_K",
    "Q4_K": "Q8_0",
    "Q4_0": "Q8_0",
    "F16": "Q8_0",
}
"""For formats that weren't measured: which one stands for them."""
GRAPHICS_USED = 0.9
"""of a graphics processor's memory: the rest is for its buffers and for the screen"""
LEAST_S = 1e-9
"""for a token, whatever a header says"""
MOST_BYTES = 2**62
"""A header may claim any size; this is more than there is."""
ANY_FORMAT = ""
CORRECTED_BY = (0.5, 2.0)
"""A running correction is never less or more than this: beyond it, something else was measured."""


class Rate(msgspec.Struct, frozen=True):
    """How many weights of one format a machine multiplies in a second."""

    writing: float
    """one token at a time, with the threads that write replies"""
    reading: float
    """many tokens at a time, with the threads that read prompts; for each of the tokens"""


class Machine(msgspec.Struct, frozen=True):
    """What was measured of a machine, and what of it can be had now."""

    rates: Mapping[str, Rate]
    """by weight format"""
    bandwidth_bytes_per_s: float
    """at which the threads that write can fetch from memory"""
    layer_s: float
    """spent on each layer of a token that is written, besides its weights"""
    value_s: float
    """spent on each number that is computed for a token that is read, likewise"""
    attention_s: float
    """spent on each earlier token by each head value, writing"""
    attention_reading_s: float
    """the same, reading"""
    cores: int
    available_bytes: int | None = None
    on_graphics: bool = False
    """whether the engine computed with a graphics processor when it was measured"""
    graphics_bytes: int | None = None
    """of that graphics processor; None without one"""
    corrections: Mapping[str, Rate] = {}
    """how many times faster models really were than predicted: by weight format, and for all others"""
    basis: Basis = "predicted"

    def rate(self, kind: str) -> Rate:
        """Return the rate of a format; of the one that is most like it where it wasn't measured."""
        seen: set[str] = set()
        while kind not in self.rates and kind not in seen:
            seen.add(kind)
            kind = MULTIPLIED_LIKE.get(kind, "Q4_K")
        return self.rates.get(kind) or min(self.rates.values(), key=lambda rate: rate.writing)


class Measured(msgspec.Struct, frozen=True):
    """What one model has done here before; None where it hasn't."""

    prompt_tokens_per_s: float | None = None
    reply_tokens_per_s: float | None = None
    load_s: float | None = None
    memory_bytes: int | None = None


UNMEASURED = Measured()


def predict(
    demand: Demand,
    machine: Machine,
    *,
    context_length: int = 8192,
    slots: int = 2,
    measured: Measured = UNMEASURED,
) -> Prediction:
    """Return what the model takes and gives on `machine`, with `slots` conversations of `context_length`.

    What it has done here before (`measured`) goes before what is reckoned.
    """
    context = min(context_length, demand.context_length or context_length)
    kept = demand.need(context, slots).total
    share = graphics_share(kept, machine)
    correction = _correction(demand, machine)
    reading = measured.prompt_tokens_per_s or correction.reading / _mixed_s(reading_s, demand, machine, share)
    writing = measured.reply_tokens_per_s or correction.writing / _mixed_s(writing_s, demand, machine, share)
    available = machine.graphics_bytes if share == 1 else machine.available_bytes
    copied = 0 if share else demand.copied_bytes
    if available is not None:  # what was copied is read from the file again: the system takes that back first
        copied = min(copied, max(available - kept, 0))
    return Prediction(
        memory_bytes=measured.memory_bytes or min(kept + copied, MOST_BYTES),
        available_bytes=available,
        fits=None if available is None else kept <= available,
        prompt_tokens_per_s=reading,
        reply_tokens_per_s=writing,
        words_per_s=writing * WORDS_PER_TOKEN,
        first_word_s=READ_TOKENS / reading + 1 / writing,
        basis="measured" if measured.reply_tokens_per_s else machine.basis,
        context_length=context,
        load_s=measured.load_s,
        graphics_share=share,
    )


def writing_s(demand: Demand, machine: Machine, before: float = TALKED_TOKENS) -> float:
    """Return the seconds that one token of a reply takes after `before` tokens."""
    weights_s = LEAST_S + sum(
        demand.share_of(group)
        * max(
            group.elements / machine.rate(group.kind).writing,
            group.size_bytes / machine.bandwidth_bytes_per_s,
        )
        for group in demand.groups
        if group.use != "rows"
    )
    sizes = demand.dimensions
    return weights_s + sizes.layers * machine.layer_s + sizes.attended(before) * machine.attention_s


def reading_s(demand: Demand, machine: Machine) -> float:
    """Return the seconds that each token of a question takes. Words are chosen only after the last one."""
    weights_s = LEAST_S + sum(
        demand.share_of(group) * group.elements / machine.rate(group.kind).reading
        for group in demand.groups
        if group.use in ("layers", "experts")
    )
    sizes = demand.dimensions
    return (
        weights_s
        + sizes.layers * sizes.width * machine.value_s
        + sizes.attended(READ_TOKENS / 2) * machine.attention_reading_s
    )


def graphics_share(kept_bytes: int, machine: Machine) -> float | None:
    """Return the share of a model that the graphics processor takes; None where none computes.

    The engine gives it whole layers as long as they fit (llama.cpp, `common_fit_params`).
    """
    if not machine.graphics_bytes:
        return None
    return min(1.0, GRAPHICS_USED * machine.graphics_bytes / kept_bytes)


def _mixed_s(
    seconds: Callable[[Demand, Machine], float], demand: Demand, machine: Machine, share: float | None
) -> float:
    """Return the seconds of a token whose layers are shared between the graphics processor and the cores."""
    if share is None or share == 1:
        return seconds(demand, machine)
    return share * seconds(demand, machine) + (1 - share) * seconds(
        demand, usual_machine(machine.cores, None)
    )


def _correction(demand: Demand, machine: Machine) -> Rate:
    known = machine.corrections
    return known.get(demand.main_format) or known.get(ANY_FORMAT) or Rate(1.0, 1.0)


def bounded(correction: float) -> float:
    return min(max(correction, CORRECTED_BY[0]), CORRECTED_BY[1])


# What the probe measured on two cores of a 2.6 GHz server processor, one of them writing.
USUAL_RATES = {
    "Q4_0": Rate(8.4e9, 90e9),
    "Q4_1": Rate(6.1e9, 50e9),
    "Q5_0": Rate(4.8e9, 57e9),
    "Q8_0": Rate(6.0e9, 95e9),
    "Q4_K": Rate(11e9, 110e9),
    "Q5_K": Rate(6.0e9, 110e9),
    "Q6_K": Rate(8.8e9, 110e9),
    "F16": Rate(5.0e9, 57e9),
}
USUAL_CORES = 2
MOST_WRITING = 4
"""cores that share the work of writing before memory is what limits it"""


def usual_machine(cores: int, available_bytes: int | None) -> Machine:
    """Return what stands for a machine that wasn't measured yet: the one above with as many cores."""
    writing, reading = min(max(1, cores - 1), MOST_WRITING), cores / USUAL_CORES
    return Machine(
        rates={
            kind: Rate(rate.writing * writing, rate.reading * reading) for kind, rate in USUAL_RATES.items()
        },
        bandwidth_bytes_per_s=9.6e9 * writing,
        layer_s=13e-6,
        value_s=57e-9 / reading,
        attention_s=0.29e-9 / writing,
        attention_reading_s=0.07e-9 / reading,
        cores=cores,
        available_bytes=available_bytes,
        basis="estimated",
    )
