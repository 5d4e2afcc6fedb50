"""The document of the interface (OpenAPI 3.1), and the part of it that the page's types are made from.

`python -m fireside.server.openapi > web/openapi.json` writes that part down.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI

from fireside.server.wire import describe_schemas

PAGES_PATHS = ("/fireside/v1/", "/health")
"""What the page asks for; the interfaces of other programs are not its business."""
_REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')


def document_of(api: FastAPI) -> dict[str, Any]:
    """Return the document of all routes, with the schemas that msgspec makes of the values."""
    from fastapi.openapi.utils import get_openapi

    components = describe_schemas()
    document = get_openapi(title=api.title, version=api.version, routes=api.routes)
    known = document.setdefault("components", {})
    known.setdefault("schemas", {}).update(components)
    known["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for operation in _operations(document):
        operation["responses"].pop("422", None)  # FastAPI's own; ours is 400, in the envelope
    schemas = known["schemas"]
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    sent = _reached(schemas, (operation.get("requestBody") for operation in _operations(document)))
    for name in schemas.keys() - sent:
        _always_whole(schemas[name])
    return document


def page_document(api: FastAPI) -> dict[str, Any]:
    """Return what of the document concerns the page, without what changes from release to release."""
    whole = api.openapi()
    paths = {path: told for path, told in whole["paths"].items() if path.startswith(PAGES_PATHS)}
    schemas = whole["components"]["schemas"]
    used = _reached(schemas, [paths])
    return {
        "openapi": whole["openapi"],
        "info": {"title": api.title, "version": "v1"},
        "paths": paths,
        "components": {"schemas": {name: schemas[name] for name in sorted(used)}},
    }


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in document["paths"].values():
        yield from operations.values()


def _reached(schemas: dict[str, Any], roots: Iterable[object]) -> set[str]:
    """Return the names of the schemas that `roots` refer to, directly or by another one."""
    found: set[str] = set()
    waiting = _REFERENCE.findall(json.dumps([*roots]))
    while waiting:
        name = waiting.pop()
        if name in schemas and name not in found:
            found.add(name)
            waiting += _REFERENCE.findall(json.dumps(schemas[name]))
    return found


def _always_whole(schema: dict[str, Any]) -> None:
    """Say of a value which is only ever sent that all of its fields are there: a default is sent too."""
    if schema.get("type") == "object" and "properties" in schema:
        schema["required"] = [*schema["properties"]]


def main() -> None:
    """Write the page's part of the document to standard output."""
    from fireside.server.api import routed

    json.dump(page_document(routed()), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
