"""Nobody waits twice: the whole server with the real model, ended, killed and started again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from serving import Served, serving, wait_for

PAGE = (
    "The old lighthouse keeper counted the ships that passed the rocks below his window each morning. " * 12
)
FRAME_TOKENS = 8
"""what the template writes between a reply and the next question, at most"""
QUESTION_TOKENS = 4
"""of "Another one.", at most"""


@pytest.fixture
def serve(tmp_path: Path, smollm2: Path) -> Callable[..., AbstractContextManager[Served]]:
    settings = {"model": f"file:{smollm2}", "slots": 1, "sampling_temperature": 0}
    return lambda **changes: serving(tmp_path, **(settings | changes))


def snapshots(served: Served) -> list[Path]:
    return sorted(served.home.snapshots.glob("*.state"))


def ask(served: Served, conversation: str, text: str) -> Any:
    return served.ask(conversation, text, sampling={"max_tokens": 8})


def cached_share(record: Any, before: Any) -> float:
    """Return how much of what the model had read or said by then it didn't have to read again."""
    usage = before["usage"]
    share: float = record["usage"]["cached_tokens"] / (
        usage["prompt_tokens"] + usage["completion_tokens"] - 1
    )
    return share


def test_a_stopped_servers_conversations_are_not_read_again(serve: Any) -> None:
    with serve() as served:
        conversation = served.new_conversation()
        before = ask(served, conversation, PAGE)
        assert served.end() == 0
    with serve() as served:
        record = ask(served, conversation, "Go on.")
        assert cached_share(record, before) >= 0.99
        assert record["receipt"]["reason"] is None


def test_a_killed_servers_last_snapshot_is_used(serve: Any) -> None:
    with serve() as served:
        conversation = served.new_conversation()
        before = ask(served, conversation, PAGE)
        wait_for(lambda: snapshots(served), "the idle conversation is saved")
        served.end(signal.SIGKILL)
    with serve() as served:
        assert cached_share(ask(served, conversation, "Go on."), before) >= 0.99


def test_a_damaged_snapshot_is_read_anew_and_the_receipt_says_so(serve: Any) -> None:
    with serve() as served:
        conversation = served.new_conversation()
        ask(served, conversation, PAGE)
        assert served.end() == 0
        (state,) = snapshots(served)
        data = bytearray(state.read_bytes())
        data[-5] ^= 4
        state.write_bytes(data)
    with serve() as served:
        record = ask(served, conversation, "Go on.")
        assert record["usage"]["cached_tokens"] == 0
        assert "damaged" in record["receipt"]["reason"]
        assert served.get("/status")["engines"]


@pytest.mark.parametrize("forever", [False, True], ids=["trash", "for good"])
def test_a_deleted_conversation_leaves_nothing(serve: Any, *, forever: bool) -> None:
    with serve() as served:
        conversation = served.new_conversation()
        ask(served, conversation, PAGE)
        wait_for(lambda: snapshots(served), "the idle conversation is saved")
        served.http.delete(
            f"/fireside/v1/conversations/{conversation}", params={"forever": forever}
        ).raise_for_status()
        assert snapshots(served) == []
        assert served.end() == 0
        assert [*served.home.snapshots.iterdir()] == []


def test_a_temporary_conversation_is_never_written(serve: Any) -> None:
    with serve() as served:
        ask(served, served.new_conversation(temporary=True), PAGE)
        other = served.new_conversation()
        ask(served, other, PAGE[:400])
        assert served.end() == 0
        assert len(snapshots(served)) == 1
    with serve() as served:
        assert served.get(f"/conversations/{other}")["conversation"]["id"] == other


def test_without_a_budget_nothing_is_written(serve: Any) -> None:
    with serve(snapshots_bytes=0) as served:
        ask(served, served.new_conversation(), PAGE)
        assert served.end() == 0
        assert [*served.home.snapshots.iterdir()] == []


def test_who_returns_after_the_model_was_unloaded_waits_for_its_loading_only(serve: Any) -> None:
    with serve(model_idle_s=0.1) as served:
        conversation = served.new_conversation()
        before = ask(served, conversation, PAGE)
        wait_for(lambda: not served.get("/status")["engines"], "the model is unloaded")
        wait_for(lambda: snapshots(served), "its state is saved")
        assert cached_share(ask(served, conversation, "Go on."), before) >= 0.99


def test_what_comes_before_the_next_question_is_read_while_nobody_asks(serve: Any) -> None:
    with serve() as served:
        conversation = served.new_conversation()
        before = ask(served, conversation, "Name a colour.")["usage"]
        said = before["prompt_tokens"] + before["completion_tokens"]

        def read_ahead() -> Any:
            warmth = served.get(f"/conversations/{conversation}")["conversation"]["warmth"]
            return warmth["cached_tokens"] > said and warmth

        warmth = wait_for(read_ahead, "the frame is read")
        after = ask(served, conversation, "Another one.")["usage"]
        assert after["cached_tokens"] == warmth["cached_tokens"]
        assert after["prompt_tokens"] - after["cached_tokens"] <= FRAME_TOKENS + QUESTION_TOKENS


def test_warm_or_cold_is_known_before_asking(serve: Any) -> None:
    def warmth(of: str) -> Any:
        (listed,) = [one for one in served.get("/conversations")["conversations"] if one["id"] == of]
        shown = served.get(f"/conversations/{of}")["conversation"]["warmth"]
        assert shown == listed["warmth"]
        return shown

    with serve() as served:
        one, other = served.new_conversation(), served.new_conversation()
        assert warmth(one) is None
        usage = ask(served, one, PAGE)["usage"]
        read = usage["prompt_tokens"] + usage["completion_tokens"]
        warm = warmth(one)
        assert warm["state"] == "warm"
        assert read <= warm["prompt_tokens"] <= read + FRAME_TOKENS, "the next frame may be read by now"
        assert warm["cached_tokens"] >= read - 2
        ask(served, other, f"Read this. {PAGE}")
        assert [warmth(one)["state"], warmth(other)["state"]] == ["saved", "warm"]
        assert served.end() == 0
    with serve(snapshots_bytes=0) as served:
        cold = warmth(one)
        assert (cold["state"], cold["cached_tokens"], cold["prompt_tokens"]) == ("cold", 0, read)
    # Without a budget nothing stays.
    with serve() as served:
        assert warmth(one)["state"] == "cold"
        assert warmth(one)["expected_first_token_ms"] > warm["expected_first_token_ms"]
