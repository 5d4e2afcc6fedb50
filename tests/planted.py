"""Thirty facts that a person mentions, each with the question that needs it."""

from __future__ import annotations

from typing import NamedTuple


class Planted(NamedTuple):
    """`told` is said once; `asked` needs it; `found` is what the model must then be given."""

    told: str
    asked: str
    found: str


FACTS = (
    Planted("My sister Ana lives in Lyon.", "Where does my sister live?", "Lyon"),
    Planted("Our dog is called Biscuit.", "What is the name of our dog?", "Biscuit"),
    Planted("I was born on 14 June 1984.", "When was I born?", "14 June 1984"),
    Planted("I prefer green tea to coffee.", "Do I prefer tea or coffee?", "green tea"),
    Planted("The rent is 1,250 euros a month.", "How much is the rent?", "1,250 euros"),
    Planted('The wifi password is "blue-heron-42".', "What is the wifi password?", "blue-heron-42"),
    Planted("My boss is Dr. Maria Keller.", "Who is my boss?", "Maria Keller"),
    Planted("The function parse_header() crashes.", "Which function crashes?", "parse_header"),
    Planted("We decided to use PostgreSQL.", "Which database did we decide to use?", "PostgreSQL"),
    Planted("My train leaves at 7:45 on Friday.", "When does my train leave?", "7:45"),
    Planted("I am allergic to peanuts.", "What am I allergic to?", "peanuts"),
    Planted("My bike is a red Gazelle.", "What kind of bike is mine?", "Gazelle"),
    Planted("The parcel number is RX-5521-K.", "What is the parcel number?", "RX-5521-K"),
    Planted("Grandma turns 90 in October.", "How old will grandma be?", "90"),
    Planted("My car has 183,000 km on it.", "How many km has my car?", "183,000"),
    Planted("The meeting room is B12.", "Which meeting room is it?", "B12"),
    Planted("My favourite painter is Vermeer.", "Who is my favourite painter?", "Vermeer"),
    Planted("The recipe needs 350 g of flour.", "How much flour does the recipe need?", "350 g"),
    Planted("Tom repaired the roof in March.", "Who repaired the roof?", "Tom"),
    Planted("My flat is on the 4th floor.", "On which floor is my flat?", "4th"),
    Planted("The plumber's number is 555-0142.", "What is the plumber's number?", "555-0142"),
    Planted("I never eat mushrooms.", "Which food do I never eat?", "mushrooms"),
    Planted("The config lies in /etc/hearth.conf.", "Where does the config lie?", "/etc/hearth.conf"),
    Planted("Our holiday begins on 2027-02-13.", "When does our holiday begin?", "2027-02-13"),
    Planted("The invoice of Muller is unpaid.", "Whose invoice is unpaid?", "Muller"),
    Planted("My shoe size is 43.", "What is my shoe size?", "43"),
    Planted("The cat weighs 4.2 kg.", "How much does the cat weigh?", "4.2 kg"),
    Planted("We agreed to meet at the Old Mill.", "Where did we agree to meet?", "Old Mill"),
    Planted("The build needs version 3.11.8.", "Which version does the build need?", "3.11.8"),
    Planted("My tax adviser is called Osman.", "What is my tax adviser called?", "Osman"),
)
TOPICS = (
    "the colour of the sky",
    "how bread rises",
    "why leaves fall",
    "the sound of rain",
    "how bees fly",
    "what makes glass clear",
    "why the sea is salty",
    "how clouds form",
    "the shape of snowflakes",
    "why onions sting",
)


def planting() -> list[str]:
    """Return twenty messages that mention all facts among other things."""
    pairs = [FACTS[at : at + 2] for at in range(0, 20, 2)] + [FACTS[at : at + 1] for at in range(20, 30)]
    return [
        f"{' '.join(fact.told for fact in some)} But tell me about {TOPICS[at % len(TOPICS)]} in a sentence."
        for at, some in enumerate(pairs)
    ]


def chatter(turn: int) -> str:
    """Return a message that mentions nothing."""
    topic = TOPICS[turn % len(TOPICS)]
    return f"Let us go on with something else for a while. I would like to hear more about {topic}, in short."
