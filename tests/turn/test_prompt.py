"""Frames: every message has its place in what a template wrote."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fireside.messages import Role
from fireside.prompt import frames_of, marked


@given(st.lists(st.sampled_from([Role.USER, Role.ASSISTANT]), min_size=1, max_size=20))
def test_every_message_has_its_place_in_the_frames(roles: list[Role]) -> None:
    rendered = "".join(f"<{message.role}>{message.text}" for message in marked(roles)) + "<assistant>"
    frames = frames_of(rendered)
    assert [frame.index for frame in frames] == [*range(len(roles)), None]
    assert frames[-1].text == "<assistant>"
