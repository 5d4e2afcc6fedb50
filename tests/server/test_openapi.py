"""The page's types are made from a document that is still true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fireside.server.api import routed
from fireside.server.openapi import page_document

WRITTEN = Path(__file__).parent.parent.parent / "web" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(json.dumps(page_document(routed())))


def test_the_written_document_is_that_of_the_routes(document: Any) -> None:
    if not WRITTEN.is_file():
        pytest.skip("the page's source isn't here")
    written = json.loads(WRITTEN.read_text(encoding="utf-8"))
    again = "python -m fireside.server.openapi > web/openapi.json && npm --prefix web run types"
    assert written["components"] == document["components"], again
    assert shape_of(written) == shape_of(document), again


def shape_of(document: Any) -> dict[str, Any]:
    """What is asked and answered where; how FastAPI words the rest is its own business."""
    return {
        f"{method} {path}": (
            sorted(one["name"] for one in told.get("parameters", ())),
            told.get("requestBody"),
            told["responses"],
        )
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    }


def test_what_is_only_sent_is_sent_whole_and_what_is_taken_may_leave_out(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas["StoredMessage"]["required"]) == set(schemas["StoredMessage"]["properties"])
    assert schemas["Defaults"]["required"] == []
    assert schemas["fireside.messages.TextPart"]["required"] == ["type", "text"]


def test_it_holds_what_it_refers_to_and_nothing_of_other_programs(document: Any) -> None:
    text = json.dumps(document)
    used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert used == set(document["components"]["schemas"])
    assert not [path for path in document["paths"] if path.startswith(("/v1", "/api"))]
