"""JSON schemas from outside: bounded before an engine sees them, and answers checked against them.

An engine builds a grammar from a schema, and a deeply nested one ends its process (SECURITY.md);
the checker would follow a reference without an end. What an engine's grammar doesn't hold to
(`uniqueItems`, say) the check finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from fireside.errors import AnswerInvalid, BadRequest

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

MOST_BYTES = 64_000
DEEPEST = 32
MOST_NODES = 2_000
"""values of any kind; a grammar of some thousand alternatives takes seconds to read"""
MOST_REPEATS = 2_000
"""llama.cpp's own limit (MAX_REPETITION_THRESHOLD in llama-grammar.cpp)"""
LONGEST_PATTERN = 512
DEEPEST_PATTERN = 8
REPEATS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
IN_PLACE = ("allOf", "anyOf", "oneOf")
UNHELD = ("patternProperties", "$dynamicRef", "$recursiveRef")
"""what the engine's grammar would pass over in silence, and the check can't do without danger"""

UNKNOWN_SYNTAX = re.compile(r"\(\?|\\[^\WdswDSWnrt]")
"""the engine leaves a pattern with these out without a word"""

Json = Any


def check_schema(schema: dict[str, Json], field: str) -> None:
    """Refuse a schema that is too large, too deep, never ends, reaches out, or is none; names `field`."""
    nodes = list(_walk(schema, field))
    if len(msgspec.json.encode(schema)) > MOST_BYTES:
        raise _refused(field, f"the schema has more than {MOST_BYTES:,} bytes")
    for node in nodes:
        if isinstance(node, dict):
            _check_node(node, schema, field)
    _check_ends(schema, nodes, field)
    from jsonschema import Draft202012Validator, SchemaError  # 0.1 s, and few requests need it

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise _refused(field, f"that is no JSON schema: {error.message[:200]}") from error


def _walk(schema: Json, field: str) -> Iterator[Json]:
    """Yield every value inside, level by level: nothing here recurses."""
    level, count = [schema], 0
    for _ in range(DEEPEST):
        count += len(level)
        if count > MOST_NODES:
            raise _refused(field, f"the schema has more than {MOST_NODES:,} parts")
        yield from level
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return
    raise _refused(field, f"the schema is nested more than {DEEPEST} deep")


def _check_node(node: dict[str, Json], root: dict[str, Json], field: str) -> None:
    for name in REPEATS:
        if isinstance(node.get(name), int | float) and node[name] > MOST_REPEATS:
            raise _refused(field, f"{name} is more than {MOST_REPEATS:,}")
    for name in UNHELD:
        if name in node and not isinstance(node[name], str | int):
            raise _refused(field, f"{name} is not supported")
    if isinstance(node.get("$ref"), str):
        resolve(root, node["$ref"], field)
    pattern = node.get("pattern")
    if isinstance(pattern, str):
        _check_pattern(pattern, field)


def _check_pattern(pattern: str, field: str) -> None:
    """The engine holds answers to a pattern, but only to one of a whole text, and by recursion."""
    if len(pattern) > LONGEST_PATTERN or _nesting(pattern) > DEEPEST_PATTERN:
        raise _refused(
            field, f"a pattern may have {LONGEST_PATTERN} characters and {DEEPEST_PATTERN} nested groups"
        )
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise _refused(field, f"the pattern {pattern!r} doesn't say how the whole text looks: write ^…$")
    if found := UNKNOWN_SYNTAX.search(pattern):
        raise _refused(field, f"{found.group()!r} is not supported in a pattern")
    if any(int(number) > MOST_REPEATS for number in re.findall(r"\d+", pattern)):
        raise _refused(field, f"a pattern may repeat {MOST_REPEATS:,} times at most")


def _nesting(pattern: str) -> int:
    """
    >>> _nesting("^((a)|(b(c)))$")
    3
    """
    deepest = depth = 0
    for character in pattern:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


def resolve(root: Json, reference: str, field: str) -> Json:
    """Return what a reference within the same schema means; others are refused: nothing is fetched."""
    if reference != "#" and not reference.startswith("#/"):
        raise _refused(field, f"$ref {reference[:100]!r} points out of the schema")
    found = root
    for step in reference[2:].split("/") if len(reference) > 1 else ():
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isascii() and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            raise _refused(field, f"$ref {reference[:100]!r} points at nothing")
    return found


def _check_ends(root: dict[str, Json], nodes: list[Json], field: str) -> None:
    """Refuse references that lead back to themselves without anything between: they never end."""
    done: set[int] = set()
    for start in nodes:
        path: list[tuple[Json, Iterator[Json]]] = [(start, _same_place(start, root, field))]
        while path:
            node, nexts = path[-1]
            child = next(nexts, None)
            if child is None:
                done.add(id(node))
                path.pop()
            elif any(child is above for above, _ in path):
                raise _refused(field, "a $ref of the schema leads back to itself")
            elif id(child) not in done:
                path.append((child, _same_place(child, root, field)))


def _same_place(node: Json, root: Json, field: str) -> Iterator[Json]:
    """Yield the schemas that the same value must fit."""
    if not isinstance(node, dict):
        return
    if isinstance(node.get("$ref"), str):
        yield resolve(root, node["$ref"], field)
    for name in IN_PLACE:
        if isinstance(node.get(name), list):
            yield from node[name]


def _refused(field: str, what: str) -> BadRequest:
    return BadRequest(f"{field}: {what}", hint="send a plainer schema", param=field)


class Shape:
    """What an answer must be: JSON, and fit `schema`. The schema has passed `check_schema`."""

    def __init__(self, schema: dict[str, Json]) -> None:
        self.schema = schema
        self._checker: Draft202012Validator | None = None

    def read(self, text: str) -> Json:
        """Return the value that `text` writes; AnswerInvalid when it isn't what was asked for."""
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise AnswerInvalid(
                f"the model's answer is not JSON: {error}", hint="ask again, or a larger model"
            ) from error
        if problem := self.problem(value):
            raise AnswerInvalid(
                f"the model's answer doesn't fit the schema: {problem}", hint="ask again, or a larger model"
            )
        return value

    def problem(self, value: Json) -> str | None:
        """Return what is wrong with `value`, or None."""
        if self._checker is None:
            from jsonschema import Draft202012Validator

            self._checker = Draft202012Validator(_without_patterns(self.schema))
        found = next(iter(self._checker.iter_errors(value)), None)
        return f"{found.message[:200]} at {found.json_path}" if found else None


def _without_patterns(schema: Json) -> Json:
    """Return the schema as the check uses it.

    Patterns are left to the engine's grammar, which can't go wrong in the time it takes: Python's
    `re` on a foreign pattern can run for ever.
    """
    if isinstance(schema, list):
        return [_without_patterns(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_patterns(value)
        for name, value in schema.items()
        if not (name == "pattern" and isinstance(value, str))
    }
