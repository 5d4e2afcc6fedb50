"""Bodies in, values out: requests are parsed once, at the edge, into the types of the program."""

from __future__ import annotations

import contextlib
import json
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Depends, Request, Response
from fastapi.params import Depends as Dependency

from fireside.aliases import is_alias_name
from fireside.app import App
from fireside.errors import BadReference, BadRequest, FiresideError, Forbidden
from fireside.models.references import parse as parse_reference
from fireside.server.callers import Asking, Caller, check_scope
from fireside.server.errors import ErrorAnswer

T = TypeVar("T")
_encoder = msgspec.json.Encoder()


def answer(value: object, status: int = 200, *, secret: bool = False) -> Response:
    """Return `value` as a JSON answer; nobody on its way keeps a `secret` one."""
    headers = {"cache-control": "no-store"} if secret else None
    return Response(_encoder.encode(value), status, headers, media_type="application/json")


def parse(data: bytes, kind: type[T]) -> T:
    """Return the value that a JSON body writes; BadRequest names the field at fault."""
    try:
        value = msgspec.json.decode(data, type=kind)
        json.loads(data, object_pairs_hook=_refuse_twice)
        return value
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at ")
        field = where.rpartition(" in ")[2].strip("`").removeprefix("$").removeprefix(".")
        if "unknown field" in reason:
            unknown = reason.split("`")[1]
            field = f"{field}.{unknown}".lstrip(".")
            reason = f"there is no field {field}"
        raise BadRequest(f"{field}: {reason}" if field else reason, param=field or None) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}", hint="send JSON in UTF-8") from error


def _refuse_twice(pairs: list[tuple[str, Any]]) -> None:
    """Refuse a name that is given twice: readers differ on which of the two counts."""
    seen = set()
    for name, _ in pairs:
        if name in seen:
            raise BadRequest(f"{name} is given twice", param=name)
        seen.add(name)


def body(kind: type[T]) -> Any:
    """Return a dependency that reads the request's body as `kind`; an empty one counts as `{}`."""

    async def read(request: Request) -> T:
        return parse(await request.body() or b"{}", kind)

    read.__annotations__["return"] = kind
    return Depends(read)


def the_app(request: Request) -> App:
    app: App = request.app.state.fireside
    return app


async def refuse_unknown_query(request: Request) -> None:
    """Refuse query parameters that the route doesn't know: silent neglect helps nobody."""
    route = request.scope.get("route")
    known = {parameter.alias for parameter in route.dependant.query_params} if route else set()
    for name in request.query_params:
        if name not in known:
            raise BadRequest(f"there is no query parameter {name}", param=name)


async def owner_only(caller: Asking) -> None:
    """Let in only who can read the runtime file: this person's own programs."""
    check_owner(caller)


def check_owner(caller: Caller) -> None:
    """Raise Forbidden for anybody else."""
    if not caller.owner:
        raise Forbidden(
            "this needs the token of the runtime file",
            hint="use the fireside command, or send Authorization: Bearer TOKEN",
        )


def guard_model(request: Request, reference: str | None, *, fetches: bool = True) -> None:
    """Refuse a model that this caller may not name.

    Those of the settings and those that were imported are known to all. Other files and web addresses are
    for `admin` and for this person's own programs; a model that would have to be fetched is for `models`,
    where naming it `fetches` it.
    """
    if reference is not None:
        check_model(request.app.state.fireside, request.state.caller, reference, fetches=fetches)


def check_model(app: App, caller: Caller, reference: str, *, fetches: bool = True) -> None:
    """Do what `guard_model` does, for a caller who is known."""
    if reference in _known_to_all(app) or "admin" in caller.scopes:
        return
    if reference.startswith(CHOSEN):
        return
    # Before anything looks whether there is such a file.
    if not (reference.startswith(FETCHED) or is_alias_name(reference)):
        _check_file(caller)
    if fetches and "models" not in caller.scopes and not app.library.card(reference).installed:
        check_scope(caller, "models")


def guard_file(request: Request) -> None:
    """Refuse parts that are files to who may name none, before anything looks whether they exist."""
    _check_file(request.state.caller)


def _check_file(caller: Caller) -> None:
    if "admin" not in caller.scopes:
        raise Forbidden(
            "only this person's own programs may name a file or an address as the model",
            hint="use the fireside command, set `model` in the settings, or use a key with the scope `admin`",
            param="model",
        )


def _known_to_all(app: App) -> set[str]:
    """Return the models of the settings, as written and in their canonical form, and the imported ones."""
    named = {name for name in (app.settings.model, app.settings.embedding_model) if name}
    with contextlib.suppress(BadReference):
        named |= {str(parse_reference(name)) for name in named}
    return named.union(app.library.imported.references())


def may_name_model(app: App, caller: Caller, reference: str) -> bool:
    """Return whether `guard_model` would let this caller name the model, whatever it is good for."""
    try:
        check_model(app, caller, reference)
    except FiresideError:
        return False
    return True


CHOSEN = ("remote:",)
"""Sources that reach only what the settings name: whoever may chat may choose among that."""
FETCHED = ("pypi:", "hf:", "alias:", "converted:")
"""Sources that don't touch files which are here already, but for those that the owner gave a name."""
Fireside = Annotated[App, Depends(the_app)]
OWNER: list[Dependency] = [Depends(owner_only)]


def shows(
    kind: Any, status: int = 200, *, takes: Any = None, media: str = "application/json", owner: bool = False
) -> dict[str, Any]:
    """Return a route's documentation: what it answers (`media` tells in which form), what its body
    is, and whether it is the owner's alone."""
    said: dict[str, Any] = {"description": "Done"}
    if kind:
        said["content"] = _content(kind, media)
    failed = {"description": "What went wrong", "content": _content(ErrorAnswer)}
    extra: dict[str, Any] = {"responses": {str(status): said, "4XX": failed, "5XX": failed}}
    if takes:
        extra["requestBody"] = {"content": _content(takes)}
    if owner:
        extra["security"] = [{"token": []}]
    return {"status_code": status, "response_class": Response, "openapi_extra": extra}


_undescribed: list[tuple[dict[str, Any], Any]] = []


def _content(kind: Any, media: str = "application/json") -> dict[str, Any]:
    """Return the description of a content; its schema is put in by `describe_schemas`."""
    described: dict[str, Any] = {}
    _undescribed.append((described, kind))
    return {media: described}


def describe_schemas() -> dict[str, Any]:
    """Put the schemas into what `shows` returned, and return the components that they refer to.

    Done when somebody asks for the document, not when the routes are imported.
    """
    kinds = [kind for _, kind in _undescribed]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for (described, _), schema in zip(_undescribed, schemas, strict=True):
        described["schema"] = schema
    return components
