"""Sessions: a key is entered once on a device; the cookie that stands for it ends with the key."""

from __future__ import annotations

import re
from collections.abc import Callable
from http.cookies import SimpleCookie

import httpx
import pytest

from fireside.server.guesses import ADDRESSES, TRIES, Guesses
from fireside.server.keys import SESSIONS_EACH
from visiting import CHATS, KEYS, OWNER, SESSIONS, Place, bearer


async def sign_in(client: httpx.AsyncClient, key: str) -> httpx.Response:
    answer = await client.post(SESSIONS, json={"key": key})
    assert answer.status_code == 201, answer.text
    return answer


async def test_a_key_entered_once_is_a_session_from_then_on(place: Place) -> None:
    key = await place.key()
    phone = place.phone()
    assert (await phone.get(CHATS)).status_code == 401
    begun = await sign_in(phone, key)
    cookie = SimpleCookie(begun.headers["set-cookie"])["fireside_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    assert cookie["max-age"] == str(30 * 86_400)
    assert not cookie["secure"]
    assert cookie.value not in begun.text
    assert begun.headers["cache-control"] == "no-store"
    assert (await phone.get(CHATS)).status_code == 200


async def test_under_tls_the_cookie_never_leaves_it(place: Place) -> None:
    phone = place.phone(scheme="https")
    begun = await sign_in(phone, await place.key())
    assert SimpleCookie(begun.headers["set-cookie"])["fireside_session"]["secure"]


@pytest.mark.parametrize("wrong", ["", "fs-wrong", "the-token", "\ud83d"])
async def test_a_wrong_key_begins_no_session(place: Place, wrong: str) -> None:
    await place.key()
    for client in (place.phone(), place.here):
        answer = await client.post(SESSIONS, content=f'{{"key": "{wrong}"}}'.encode("utf-8", "replace"))
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


async def test_a_session_can_do_what_its_key_can(place: Place) -> None:
    phone = place.phone()
    await sign_in(phone, await place.key("guest", "chat"))
    assert (await phone.get(KEYS)).status_code == 403
    admin = place.phone()
    await sign_in(admin, await place.key("boss", "admin"))
    assert (await admin.get(KEYS)).status_code == 200


async def test_a_session_ends_with_its_key(place: Place) -> None:
    await place.key("stays")
    phone = place.phone()
    await sign_in(phone, await place.key("goes"))
    assert (await phone.get(CHATS)).status_code == 200
    assert (await place.here.delete(f"{KEYS}/goes", headers=OWNER)).status_code == 204
    assert (await phone.get(CHATS)).status_code == 401
    assert place.app.store.keys.all_sessions() == ()


async def test_a_session_expires(place: Place) -> None:
    phone = place.phone()
    begun = (await sign_in(phone, await place.key())).json()
    place.api.state.door.keys._clock = lambda: begun["expires_at"]
    assert (await phone.get(CHATS)).status_code == 401
    listed = (await place.here.get(SESSIONS, headers=OWNER)).json()
    assert listed == {"sessions": []}


async def test_one_signs_out_and_ends_the_sessions_of_ones_own_key(place: Place) -> None:
    mine, theirs = await place.key("mine"), await place.key("theirs")
    phone, tablet, stranger = place.phone(), place.phone(), place.phone()
    phone.headers["user-agent"] = "Phone\x1b[2J" + "x" * 500
    for client, key in ((phone, mine), (tablet, mine), (stranger, theirs)):
        await sign_in(client, key)
    listed = (await phone.get(SESSIONS)).json()["sessions"]
    assert [one["current"] for one in listed] == [True, False]
    assert re.fullmatch(r"Phone\[2Jx{1,200}", listed[0]["device"])
    assert len((await place.here.get(SESSIONS, headers=OWNER)).json()["sessions"]) == 3
    assert (await stranger.delete(f"{SESSIONS}/{listed[1]['id']}")).status_code == 404
    assert (await tablet.get(CHATS)).status_code == 200
    assert (await phone.delete(f"{SESSIONS}/{listed[1]['id']}")).status_code == 204
    assert (await tablet.get(CHATS)).status_code == 401
    out = await phone.delete(f"{SESSIONS}/current")
    assert SimpleCookie(out.headers["set-cookie"])["fireside_session"]["max-age"] == "0"
    assert (await phone.get(CHATS)).status_code == 401
    assert (await stranger.get(CHATS)).status_code == 200


async def test_neither_cookie_nor_key_is_taken_for_the_other(place: Place) -> None:
    key = await place.key()
    phone = place.phone()
    secret = SimpleCookie((await sign_in(phone, key)).headers["set-cookie"])["fireside_session"].value
    assert (await place.phone().get(CHATS, headers=bearer(secret))).status_code == 401
    assert (await place.phone().get(CHATS, headers={"cookie": f"fireside_session={key}"})).status_code == 401
    assert (await phone.get(CHATS, headers=bearer("wrong"))).status_code == 401, "a key that is sent counts"


async def test_a_key_holds_so_many_sessions_and_the_oldest_ends(place: Place) -> None:
    key = await place.key()
    phones = [place.phone() for _ in range(2)]
    await sign_in(phones[0], key)
    for _ in range(SESSIONS_EACH):
        await sign_in(phones[1], key)
    assert (await phones[0].get(CHATS)).status_code == 401
    assert (await phones[1].get(CHATS)).status_code == 200
    assert len(place.app.store.keys.all_sessions()) == SESSIONS_EACH


async def test_keys_and_sessions_outlive_the_server(open_place: Callable[..., Place]) -> None:
    first = open_place()
    key = await first.key()
    phone = first.phone()
    cookie = (await sign_in(phone, key)).headers["set-cookie"].partition(";")[0]
    await first.app.aclose()
    again = open_place()
    assert (await again.here.get(CHATS)).status_code == 401
    assert (await again.phone().get(CHATS, headers=bearer(key))).status_code == 200
    assert (await again.phone().get(CHATS, headers={"cookie": cookie})).status_code == 200


# Guessing


async def test_guessing_is_slowed_down_and_what_was_right_goes_on(place: Place) -> None:
    key, other = await place.key("one"), await place.key("other")
    phone = place.phone()
    assert (await phone.get(CHATS, headers=bearer(key))).status_code == 200
    statuses = [(await phone.get(CHATS, headers=bearer(f"fs-{n}"))).status_code for n in range(15)]
    assert statuses == [401] * int(TRIES) + [429] * 5
    refused = await phone.get(CHATS, headers=bearer("fs-more"))
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["error"]["code"] == "too_many_tries"
    assert (await phone.post(SESSIONS, json={"key": other})).status_code == 429, "right, and not told so"
    assert (await phone.get(CHATS, headers=bearer(key))).status_code == 200
    assert (await place.phone("192.0.2.51").get(CHATS, headers=bearer(other))).status_code == 200
    assert (await place.here.get(KEYS, headers=OWNER)).status_code == 200
    place.api.state.door._guesses._clock = lambda: 1e9
    assert (await phone.get(CHATS, headers=bearer(other))).status_code == 200


async def test_who_sends_no_key_guesses_none(place: Place) -> None:
    key = await place.key()
    phone = place.phone()
    for _ in range(30):
        assert (await phone.get(CHATS)).status_code == 401
    assert (await phone.get(CHATS, headers=bearer(key))).status_code == 200


def test_a_network_of_ipv6_is_one_guesser_and_memory_is_bounded() -> None:
    guesses = Guesses(clock=lambda: 5.0)
    for last in range(int(TRIES)):
        guesses.wrong(f"2001:db8:1:2::{last:x}")
    assert guesses.wait_s("2001:db8:1:2:ffff::1") > 0
    assert guesses.wait_s("2001:db8:1:3::1") == 0
    for number in range(ADDRESSES + 100):
        guesses.wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        guesses.right(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "key 1")
    assert len(guesses._tried) == len(guesses._right) == ADDRESSES
