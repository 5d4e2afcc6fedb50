"""What `POST /v1/messages` takes. Fields and meanings: Anthropic's API reference, "Messages".

A field that would change the answer and isn't done here is refused by its name. What only
annotates (`metadata`, `service_tier`, `cache_control`: every prompt is cached anyway) is accepted.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from fireside.messages import Probability, Stop, Value

MOST_MESSAGES = 4096
MOST_TOOLS = 128

Tokens = Annotated[int, Meta(ge=1, le=10_000_000)]
ToolName = Annotated[str, Meta(pattern=r"^[\w-]{1,128}$")]
Identity = Annotated[str, Meta(min_length=1, max_length=256)]
Ignored = Any
"""a field that only annotates: read over, whatever it says"""


class Text(Value, tag_field="type", tag="text", frozen=True):
    text: str
    cache_control: Ignored = None
    citations: Ignored = None


class ImageSource(Value, frozen=True):
    """A picture in base64. One with an address is refused: nothing is fetched for a model."""

    type: str
    media_type: str = ""
    data: str = ""
    url: Ignored = None
    file_id: Ignored = None


class Image(Value, tag_field="type", tag="image", frozen=True):
    source: ImageSource
    cache_control: Ignored = None


class Document(Value, tag_field="type", tag="document", frozen=True):
    source: Ignored = None
    title: Ignored = None
    context: Ignored = None
    citations: Ignored = None
    cache_control: Ignored = None


class Thinking(Value, tag_field="type", tag="thinking", frozen=True):
    """What a model thought in an earlier answer; it is given back to one whose template wants it."""

    thinking: str
    signature: str = ""


class ToolUse(Value, tag_field="type", tag="tool_use", frozen=True):
    id: Identity
    name: ToolName
    input: dict[str, Any]
    caller: Ignored = None
    cache_control: Ignored = None


class ToolResult(Value, tag_field="type", tag="tool_result", frozen=True):
    tool_use_id: Identity
    content: str | tuple[Text | Image | Document, ...] | None = None
    is_error: bool = False
    cache_control: Ignored = None


Block = Text | Image | Document | Thinking | ToolUse | ToolResult


class InputMessage(Value, frozen=True):
    role: Literal["user", "assistant", "system"]
    content: str | tuple[Block, ...]


class Tool(Value, frozen=True):
    """A tool that the program runs itself; those that Anthropic runs have other types."""

    name: ToolName
    input_schema: dict[str, Any]
    description: str | None = None
    type: Literal["custom"] | None = None
    cache_control: Ignored = None
    eager_input_streaming: Ignored = None


class AutoChoice(Value, tag_field="type", tag="auto", frozen=True):
    disable_parallel_tool_use: bool = False


class AnyChoice(Value, tag_field="type", tag="any", frozen=True):
    disable_parallel_tool_use: bool = False


class ToolChoice(Value, tag_field="type", tag="tool", frozen=True):
    name: ToolName
    disable_parallel_tool_use: bool = False


class NoChoice(Value, tag_field="type", tag="none", frozen=True):
    pass


class ThinkingOn(Value, tag_field="type", tag="enabled", frozen=True):
    budget_tokens: Annotated[int, Meta(ge=1, le=10_000_000)]
    display: Literal["summarized", "omitted"] | None = None


class ThinkingAdaptive(Value, tag_field="type", tag="adaptive", frozen=True):
    display: Literal["summarized", "omitted"] | None = None


class ThinkingOff(Value, tag_field="type", tag="disabled", frozen=True):
    pass


class JsonFormat(Value, tag_field="type", tag="json_schema", frozen=True):
    schema: dict[str, Any]


class OutputConfig(Value, frozen=True):
    format: JsonFormat | None = None


class Metadata(Value, frozen=True):
    user_id: str | None = None


class Asked(Value, frozen=True, kw_only=True):
    """What a prompt is made of: the fields that counting tokens takes, too."""

    model: str
    messages: Annotated[tuple[InputMessage, ...], Meta(min_length=1, max_length=MOST_MESSAGES)]
    system: str | tuple[Text, ...] | None = None
    tools: Annotated[tuple[Tool, ...], Meta(max_length=MOST_TOOLS)] = ()
    tool_choice: AutoChoice | AnyChoice | ToolChoice | NoChoice | None = None
    thinking: ThinkingOn | ThinkingAdaptive | ThinkingOff | None = None
    output_config: OutputConfig | None = None
    cache_control: Ignored = None


class MessagesRequest(Asked, frozen=True, kw_only=True):
    max_tokens: Tokens
    stream: bool = False
    stop_sequences: Annotated[tuple[Stop, ...], Meta(max_length=16)] = ()
    temperature: Annotated[float, Meta(ge=0.0, le=100.0)] | None = None
    """Anthropic's own goes to 1; local models are also run hotter"""
    top_p: Probability | None = None
    top_k: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
