"""One-time codes: a device is signed in by what it scanned, once and not for long."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from fireside.server.guesses import TRIES
from fireside.server.pairings import GOOD_FOR_S, MOST, Pairings
from serving import serving
from visiting import CHATS, KEYS, OWNER, SESSIONS, Place, bearer

PAIRINGS = "/fireside/v1/pairings"


async def pairing(place: Place, key: str | None = None) -> Any:
    made = await place.here.post(PAIRINGS, json={"key": key} if key else {}, headers=OWNER)
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    return made.json()


async def enter(client: httpx.AsyncClient, code: str) -> httpx.Response:
    return await client.post(SESSIONS, json={"code": code})


async def test_a_code_signs_a_device_in_with_its_key(place: Place) -> None:
    await place.key("lan")
    made = await pairing(place)
    code = made["code"]
    assert re.fullmatch(r"[\w-]{22,}", code)
    assert (made["key"], made["expires_in_s"]) == ("lan", 600)
    assert made["address"] == f"http://127.0.0.1:3473/#pair={code}"
    phone = place.phone()
    begun = await enter(phone, f" {code}\n")
    assert begun.status_code == 201
    assert "HttpOnly" in begun.headers["set-cookie"]
    assert code not in begun.text
    assert (await phone.get(CHATS)).status_code == 200
    listed = (await phone.get(SESSIONS)).json()["sessions"]
    assert [one["id"] for one in listed] == [begun.json()["id"]]
    assert (await phone.get(KEYS)).status_code == 403


async def test_a_code_is_good_once(place: Place) -> None:
    await place.key("lan")
    code = (await pairing(place))["code"]
    assert (await enter(place.phone(), code)).status_code == 201
    again = await enter(place.phone("192.0.2.66"), code)
    assert again.status_code == 401
    assert "was used before" in again.json()["error"]["message"]
    assert "set-cookie" not in again.headers


async def test_of_two_at_once_one_gets_in(place: Place) -> None:
    await place.key("lan")
    code = (await pairing(place))["code"]
    answers = await asyncio.gather(*(enter(place.phone(f"192.0.2.{n}"), code) for n in range(60, 68)))
    assert sorted(answer.status_code for answer in answers) == [201] + [401] * 7


async def test_a_code_is_good_for_ten_minutes(place: Place) -> None:
    await place.key("lan")
    pairings = place.api.state.door.pairings
    begun = pairings._clock()
    pairings._clock = lambda: begun
    early, late = (await pairing(place))["code"], (await pairing(place))["code"]
    pairings._clock = lambda: begun + GOOD_FOR_S - 1
    assert (await enter(place.phone(), early)).status_code == 201
    pairings._clock = lambda: begun + GOOD_FOR_S
    assert (await enter(place.phone(), late)).status_code == 401


async def test_guessing_codes_is_slowed_down_and_uses_none_up(place: Place) -> None:
    await place.key("lan")
    code = (await pairing(place))["code"]
    guesser = place.phone()
    statuses = [(await enter(guesser, f"guess-{n}")).status_code for n in range(int(TRIES) + 2)]
    assert statuses == [401] * int(TRIES) + [429] * 2
    assert (await enter(guesser, code)).status_code == 429, "right, and not told so"
    assert (await enter(place.phone("192.0.2.51"), code)).status_code == 201


@pytest.mark.parametrize("body", [{}, {"key": "fs-1", "code": "x"}, {"code": 5}, {"code": None}])
async def test_a_key_or_a_code_is_sent_and_not_both(place: Place, body: dict[str, object]) -> None:
    assert (await place.phone().post(SESSIONS, json=body)).status_code == 400


@pytest.mark.parametrize("code", ["", " ", "\ud83d", "x" * 10_000])
async def test_what_is_no_code_gets_nobody_in(place: Place, code: str) -> None:
    await place.key("lan")
    body = f'{{"code": "{code}"}}'.encode("utf-8", "replace")
    answer = await place.phone().post(SESSIONS, content=body)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


async def test_a_code_is_neither_key_nor_cookie(place: Place) -> None:
    await place.key("lan")
    code = (await pairing(place))["code"]
    phone = place.phone()
    assert (await phone.get(CHATS, headers=bearer(code))).status_code == 401
    assert (await phone.get(CHATS, headers={"cookie": f"fireside_session={code}"})).status_code == 401
    assert (await phone.post(SESSIONS, json={"key": code})).status_code == 401
    assert (await phone.get(f"/?pair={code}")).status_code == 400, "nothing is read from the address"
    assert (await enter(phone, code)).status_code == 201


async def test_only_the_owner_and_admin_make_codes(place: Place) -> None:
    chat, admin = await place.key("lan", "chat"), await place.key("boss", "admin")
    for client, headers in ((place.phone(), bearer(chat)), (place.here, bearer(chat))):
        assert (await client.post(PAIRINGS, json={}, headers=headers)).status_code == 403
    phone = place.phone()
    await enter(phone, (await pairing(place))["code"])
    assert (await phone.post(PAIRINGS, json={})).status_code == 403, "a session breeds no others"
    assert (await place.phone().post(PAIRINGS, json={}, headers=bearer(admin))).status_code == 201
    assert (await place.phone().post(PAIRINGS, json={})).status_code == 401


async def test_a_code_names_a_key_and_goes_with_it(place: Place) -> None:
    for_none = await place.here.post(PAIRINGS, json={}, headers=OWNER)
    assert (for_none.status_code, for_none.json()["error"]["code"]) == (404, "key_not_found")
    await place.key("tablet", "chat", "models")
    made = await pairing(place, "tablet")
    assert made["key"] == "tablet"
    await place.key("other")
    assert (await place.here.delete(f"{KEYS}/tablet", headers=OWNER)).status_code == 204
    assert (await enter(place.phone(), made["code"])).status_code == 401


async def test_a_server_that_is_started_again_knows_no_code(open_place: Callable[..., Place]) -> None:
    first = open_place()
    await first.key("lan")
    code = (await pairing(first))["code"]
    await first.app.aclose()
    assert (await enter(open_place().phone(), code)).status_code == 401


def test_memory_is_bounded_and_no_code_is_kept() -> None:
    pairings = Pairings(clock=lambda: 5.0)
    codes = [pairings.make("key") for _ in range(MOST + 5)]
    assert [pairings.key_of(code) for code in codes] == [None] * 5 + ["key"] * MOST
    assert not any(code.encode() in repr(pairings._codes).encode() for code in codes)


def test_serve_lan_shows_a_code_that_works(tmp_path: Path, smollm2: Path) -> None:
    with serving(tmp_path, "--lan", model=f"file:{smollm2}") as server:
        if not server.runtime.open_at:
            pytest.skip("this machine has no address on a network")
        assert server.process.stdout
        said = [server.process.stdout.readline() for _ in range(5)]
        address = next(line.strip() for line in said if "#pair=" in line)
        where, _, code = address.partition("/#pair=")
        assert where == server.runtime.open_at[0]
        with httpx.Client(base_url=where, trust_env=False) as phone:
            assert phone.get("/").status_code == 200
            assert phone.get(CHATS).status_code == 401
            assert phone.post(SESSIONS, json={"code": code}).status_code == 201
            assert phone.get(CHATS).status_code == 200
