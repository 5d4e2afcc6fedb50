"""A digest keeps within its budget and holds the facts of what it stands for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fireside.memory.digest import Said, compose, lines_of
from fireside.memory.facts import facts_of, holds
from fireside.memory.probe import FACTS as PROBE_FACTS
from fireside.memory.probe import PROBE, can_digest, measured
from planted import FACTS

PEOPLE = [Said(str(at), "User", fact.told, True) for at, fact in enumerate(FACTS)]


def test_with_room_every_fact_is_in_the_digest() -> None:
    lines = lines_of("", PEOPLE, person="User")
    composed = compose(lines, 10_000)
    assert composed.left_out == 0
    assert all(fact.found in composed.text for fact in FACTS)


def test_without_room_the_newest_facts_stay_and_the_others_are_counted() -> None:
    lines = lines_of("", PEOPLE, person="User")
    composed = compose(lines, 600)
    assert len(composed.text.encode()) <= 600
    assert "Osman" in composed.text
    assert "Lyon" not in composed.text
    assert composed.left_out > 20


def test_what_a_summary_lacks_stands_under_it_and_what_it_holds_does_not() -> None:
    summary = "The user's sister Ana lives in Lyon; the dog is Biscuit."
    composed = compose(lines_of("", PEOPLE[:6], person="User"), 3000, summary)
    assert composed.by_model
    assert composed.text.startswith(summary)
    assert "- User: My sister" not in composed.text
    assert "- User: The rent is 1,250 euros a month." in composed.text
    assert composed.left_out == 0


def test_a_digest_of_a_digest_keeps_its_lines() -> None:
    first = compose(lines_of("", PEOPLE[:10], person="User"), 3000).text
    second = compose(lines_of(first, PEOPLE[10:20], person="User"), 3000).text
    assert all(fact.found in second for fact in FACTS[:20])


def test_what_people_said_goes_before_what_the_model_said() -> None:
    said = [Said("1", "User", "My cat is Tom.", True), Said("2", "AI", "Paris has 20 districts.", False)]
    assert compose(lines_of("", said, person="User"), 24).text == "- User: My cat is Tom."


SAID = st.builds(
    Said,
    st.uuids().map(str),
    st.sampled_from(["User", "AI"]),
    st.text(alphabet="Anna 42 tea.\nI like “Lyon” 我喜欢茶。", max_size=120),
    st.booleans(),
)


@given(st.lists(SAID, max_size=12), st.integers(min_value=0, max_value=400), st.text(max_size=120))
def test_a_digest_is_within_its_budget_and_counts_what_it_lacks(
    messages: list[Said], budget: int, summary: str
) -> None:
    lines = lines_of("", messages, person="User")
    composed = compose(lines, budget, summary.encode("utf-8", "ignore").decode())
    assert len(composed.text.encode()) <= budget
    keys = {fact.key: fact for line in lines for fact in line.facts}
    lacking = [fact for fact in keys.values() if not holds(composed.text, fact)]
    assert len(lacking) <= composed.left_out
    assert compose(lines, budget, summary.encode("utf-8", "ignore").decode()) == composed


def test_the_probes_facts_are_in_the_probe() -> None:
    told = " ".join(message.text for message in PROBE)
    assert measured(told).facts_kept == 1.0
    assert not can_digest(measured(told)), "a copy is no digest"
    assert can_digest(measured(" ".join(PROBE_FACTS)))
    assert not can_digest(measured("They talked about a trip."))
    assert facts_of(told)
