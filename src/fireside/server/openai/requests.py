"""What OpenAI-style requests share: sampling, tools, formats and the limits on them.

Fields and meanings: OpenAI's API reference, "Chat" and "Completions". A field that would change
the answer and isn't done here is refused by its name; one that only annotates is accepted.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from fireside.errors import BadRequest
from fireside.messages import Probability, Stop, Value

MOST_CHOICES = 16
MOST_MESSAGES = 4096
MOST_TOOLS = 128

Count = Annotated[int, Meta(ge=1, le=10_000_000)]
Choices = Annotated[int, Meta(ge=1, le=MOST_CHOICES)]
Penalty = Annotated[float, Meta(ge=-2.0, le=2.0)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Name = Annotated[str, Meta(pattern=r"^[\w-]{1,64}$")]
TokenId = Annotated[str, Meta(pattern=r"^\d{1,7}$")]
Bias = Annotated[float, Meta(ge=-100.0, le=100.0)]
Biases = Annotated[dict[TokenId, Bias], Meta(max_length=1024)]
Notes = Annotated[dict[str, str], Meta(max_length=16)]
Schema = dict[str, Any]
Effort = Literal["none"]
Tier = Literal["auto", "default"]

LARGEST_SEED = 2**32 - 1
"""llama.cpp takes this one as "any seed" (LLAMA_DEFAULT_SEED)"""


class Sampled(Value, frozen=True, kw_only=True):
    """How tokens are chosen: OpenAI's fields, and those that llama.cpp adds to them."""

    temperature: Annotated[float, Meta(ge=0.0, le=100.0)] | None = None
    top_p: Probability | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: Biases | None = None
    seed: Seed | None = None
    stop: Stop | Annotated[tuple[Stop, ...], Meta(max_length=16)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    min_p: Probability | None = None
    typical_p: Probability | None = None
    repeat_penalty: Annotated[float, Meta(gt=0.0, le=10.0)] | None = None
    repeat_last_n: Annotated[int, Meta(ge=-1, le=1_000_000)] | None = None


class StreamOptions(Value, frozen=True):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    """padding against listeners on the way; there is none to be had, nor needed on this machine"""


class Function(Value, frozen=True):
    name: Name
    description: str | None = None
    parameters: Schema | None = None
    strict: bool | None = None


class FunctionTool(Value, tag_field="type", tag="function", frozen=True):
    function: Function


class NamedFunction(Value, frozen=True):
    name: str


class NamedTool(Value, tag_field="type", tag="function", frozen=True):
    function: NamedFunction


ToolChoice = Literal["none", "auto", "required"] | NamedTool
Tools = Annotated[tuple[FunctionTool, ...], Meta(max_length=MOST_TOOLS)]


class PlainText(Value, tag_field="type", tag="text", frozen=True):
    pass


class JsonObject(Value, tag_field="type", tag="json_object", frozen=True):
    pass


class NamedSchema(Value, frozen=True):
    name: Name
    schema: Schema | None = None
    description: str | None = None
    strict: bool | None = None


class JsonSchema(Value, tag_field="type", tag="json_schema", frozen=True):
    json_schema: NamedSchema


ResponseFormat = PlainText | JsonObject | JsonSchema


def chosen_tools(
    tools: tuple[Function, ...], choice: Literal["none", "auto", "required"] | str | None, name: str | None
) -> tuple[Function, ...]:
    """Return the functions that may be called; BadRequest for a choice that names none of them."""
    if choice == "none":
        return ()
    if name is not None:
        tools = tuple(tool for tool in tools if tool.name == name)
    if not tools and (name is not None or choice == "required"):
        what = (
            f"there is no function {name!r} among `tools`" if name else "there are no `tools` to choose from"
        )
        raise BadRequest(what, hint="send its description in `tools`", param="tool_choice")
    return tools


def engine_seed(seed: int, index: int = 0) -> int:
    """Return the seed of choice `index` as llama.cpp takes it: 0 to 4,294,967,294.

    >>> engine_seed(7, 2), engine_seed(-1)
    (9, 4294967294)
    """
    return (seed + index) % LARGEST_SEED


def sampling_body(asked: Sampled) -> dict[str, Any]:
    """Return the fields that the request sets, as the engine wants them; the seed is each choice's own."""
    names = Sampled.__struct_fields__
    named = {name: value for name in names if (value := getattr(asked, name)) is not None}
    named.pop("seed", None)
    if isinstance(asked.stop, str):
        named["stop"] = [asked.stop]
    return msgspec.to_builtins(named)  # type: ignore[no-any-return]
