"""Which code of models may run: decided by looking at files, never by running them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from fireside.cards import ModelCard
from fireside.errors import Conflict, ModelDamaged, NotTrusted, StoreDamaged
from fireside.model_code import code_in
from fireside.models import trust as of_trust
from fireside.models.trust import Trust

CODE = "raise SystemExit('this must never run')\n"


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    """A model that brings code."""
    folder = tmp_path / "model"
    (folder / "parts").mkdir(parents=True)
    (folder / "modeling_own.py").write_text(CODE)
    (folder / "parts" / "more.py").write_text(CODE)
    (folder / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling_own.Own"}}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"auto_map": {"AutoTokenizer": ["a.Slow", None]}})
    )
    return ModelCard(
        reference=f"file:{folder}",
        name="own",
        origin="here",
        licence=None,
        size_bytes=1,
        installed=True,
        path=str(folder),
        needs_trust=True,
    )


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(tmp_path / "home" / "trusted_code.json")


def test_the_code_is_shown_with_what_would_be_run(card: ModelCard, trust: Trust) -> None:
    code = trust.code(card)
    assert [file.name for file in code.files] == ["modeling_own.py", "parts/more.py"]
    assert code.files[0].text == CODE
    assert code.named == {"AutoModel": "modeling_own.Own", "AutoTokenizer": "a.Slow"}
    assert not code.trusted


def test_an_answer_holds_for_exactly_these_files(card: ModelCard, trust: Trust) -> None:
    folder = Path(card.path or "")
    with pytest.raises(NotTrusted, match="code of its own"):
        trust.allowed_code(card)
    trust.allow(card, trust.code(card).digest)
    assert not trust.judged(card).needs_trust
    assert dict(trust.allowed_code(card)).keys() == {"modeling_own.py", "parts/more.py"}
    assert Trust(trust._path).listed() == (card.reference,)
    assert trust._path.stat().st_mode & 0o077 == 0
    (folder / "another.py").write_text("")
    assert trust.judged(card).needs_trust
    (folder / "another.py").unlink()
    assert not trust.judged(card).needs_trust
    (folder / "parts" / "more.py").write_text(CODE + " ")
    with pytest.raises(NotTrusted):
        trust.allowed_code(card)


def test_what_changed_since_it_was_shown_is_not_allowed(card: ModelCard, trust: Trust) -> None:
    digest = trust.code(card).digest
    (Path(card.path or "") / "modeling_own.py").write_text("another")
    with pytest.raises(Conflict):
        trust.allow(card, digest)
    assert trust.listed() == ()


def test_an_answer_for_one_model_is_none_for_another(card: ModelCard, trust: Trust) -> None:
    trust.allow(card, trust.code(card).digest)
    assert trust.judged(msgspec.structs.replace(card, reference="hf:a/b")).needs_trust


def test_an_answer_can_be_taken_back_once(card: ModelCard, trust: Trust) -> None:
    trust.allow(card, trust.code(card).digest)
    trust.revoke(card.reference)
    assert trust.judged(card).needs_trust
    with pytest.raises(Conflict):
        trust.revoke(card.reference)


@pytest.mark.parametrize("name", ["own.so", "own.pyc"])
def test_code_that_nobody_can_read_is_never_allowed(card: ModelCard, trust: Trust, name: str) -> None:
    (Path(card.path or "") / name).write_bytes(b"\x00")
    with pytest.raises(ModelDamaged, match="compiled"):
        trust.code(card)
    assert trust.judged(card).needs_trust


@pytest.mark.parametrize("place", ["{}--modeling_own.Own", "{}/other.Own", "parts/../../other.Own"])
def test_code_of_another_place_is_never_allowed(
    card: ModelCard, trust: Trust, tmp_path: Path, place: str
) -> None:
    elsewhere = {"auto_map": {"AutoModel": place.format(tmp_path)}}
    (Path(card.path or "") / "config.json").write_text(json.dumps(elsewhere))
    with pytest.raises(ModelDamaged, match="another place"):
        trust.code(card)


def test_a_link_to_a_folder_is_never_followed(card: ModelCard, trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (Path(card.path or "") / "linked").symlink_to(tmp_path / "outside")
    with pytest.raises(ModelDamaged, match="link"):
        trust.code(card)


def test_what_is_no_regular_file_is_never_read(card: ModelCard, trust: Trust) -> None:
    (Path(card.path or "") / "parts" / "endless.py").symlink_to("/dev/null")
    with pytest.raises(ModelDamaged, match="no regular file"):
        trust.code(card)


def test_a_model_without_code_needs_no_answer(card: ModelCard, trust: Trust) -> None:
    plain = msgspec.structs.replace(card, needs_trust=False)
    assert trust.allowed_code(plain) == ()
    assert trust.code(plain).trusted


def test_answers_that_cannot_be_read_allow_nothing_and_hide_no_model(card: ModelCard, trust: Trust) -> None:
    trust._path.parent.mkdir()
    trust._path.write_text("{")
    with pytest.raises(StoreDamaged):
        trust.allowed_code(card)
    assert trust.judged(card).needs_trust


def test_answers_that_are_given_at_once_all_count(card: ModelCard, trust: Trust) -> None:
    digest = trust.code(card).digest
    several = [msgspec.structs.replace(card, reference=f"hf:maker/{number}") for number in range(16)]

    def allow(one: ModelCard) -> None:  # as another process does it: nothing is shared but the file
        Trust(trust._path).allow(one, digest)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(allow, several))
    assert len(trust.listed()) == len(several)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: Trust(trust._path).revoke(one.reference), several[1:]))
    assert trust.listed() == (several[0].reference,)


def test_a_listing_reads_code_again_only_when_it_looks_different(
    card: ModelCard, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust.allow(card, trust.code(card).digest)
    read: list[Path] = []

    def reading(folder: Path) -> dict[str, str]:
        read.append(folder)
        return code_in(folder)

    monkeypatch.setattr(of_trust, "code_in", reading)
    assert not any(trust.judged(card).needs_trust for _ in range(3))
    assert len(read) == 1
    path = Path(card.path or "") / "modeling_own.py"
    path.write_text(path.read_text().replace("never", "seldom"[:5]))
    assert trust.judged(card).needs_trust
    assert len(read) == 2
    with pytest.raises(NotTrusted):  # before it runs, it is always read
        trust.allowed_code(card)
    assert len(read) == 3
