"""Full-text search with FTS5 (docs/decisions/0003-search.md).

The indexes are contentless: they hold words, and the messages hold the text. What lies in the
trash stays in the index and is left out when it is asked, so that restoring costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, select, text

from fireside.conversations import SearchHit
from fireside.messages import FilePart, ImagePart, Part, Role, TextPart
from fireside.store import words
from fireside.store.rows import parts_of
from fireside.store.schema import conversations, messages

# Ranking needs a look at every match; of a very common word only the newest are ranked.
_RANKED = 1000

_Complete = tuple[int, Role, Sequence[Part]]


class _Match(msgspec.Struct, frozen=True):
    """A message or, where `number` is None, a title that matches."""

    conversation_id: str
    number: int | None = None


def index_messages(connection: Connection, complete: Sequence[_Complete]) -> None:
    """Make messages findable; what is said by the system isn't."""
    _index(connection, "message_words", _findable(complete))


def forget(connection: Connection, which: ColumnElement[bool]) -> None:
    """Take the complete ones among the messages that are meant out of the index."""
    query = select(messages.c.number, messages.c.role, messages.c.parts).where(
        which, messages.c.status.not_in(["queued", "streaming"])
    )
    rows = connection.execute(query).all()
    complete = [(row.number, Role(row.role), parts_of(row.parts)) for row in rows]
    _forget(connection, "message_words", _findable(complete))


def _findable(complete: Sequence[_Complete]) -> list[tuple[int, str]]:
    return [(number, _said(parts)) for number, role, parts in complete if role is not Role.SYSTEM]


def forget_for_good(connection: Connection) -> None:
    """Leave no trace of what was taken out: FTS5 only notes that a word is gone, until its parts merge."""
    for index in ("message_words", "title_words"):
        connection.execute(text(f"INSERT INTO {index}({index}) VALUES ('optimize')"))  # noqa: S608


def index_title(connection: Connection, conversation_id: str) -> None:
    _index(connection, "title_words", [_title(connection, conversation_id)])


def forget_title(connection: Connection, conversation_id: str) -> None:
    """Take the title out of the index, as it stands in the database now."""
    _forget(connection, "title_words", [_title(connection, conversation_id)])


def _title(connection: Connection, conversation_id: str) -> tuple[int, str]:
    query = select(conversations.c.number, conversations.c.title)
    row = connection.execute(query.where(conversations.c.id == conversation_id)).one()
    return row.number, row.title


def _said(parts: Sequence[Part]) -> str:
    """What can be found of a message: the names of its files and its words."""
    pieces = [part.name for part in parts if isinstance(part, FilePart | ImagePart)]
    return "\n".join([*pieces, "".join(part.text for part in parts if isinstance(part, TextPart))])


def _index(connection: Connection, index: str, numbered: Sequence[tuple[int, str]]) -> None:
    statement = f"INSERT INTO {index}(rowid, words) VALUES (:number, :words)"  # noqa: S608
    if rows := _rows(numbered):
        connection.execute(text(statement), rows)


def _forget(connection: Connection, index: str, numbered: Sequence[tuple[int, str]]) -> None:
    statement = f"INSERT INTO {index}({index}, rowid, words) VALUES ('delete', :number, :words)"  # noqa: S608
    if rows := _rows(numbered):
        connection.execute(text(statement), rows)


def _rows(numbered: Sequence[tuple[int, str]]) -> list[dict[str, object]]:
    return [{"number": number, "words": words.indexed(said)} for number, said in numbered if said.strip()]


def search(connection: Connection, query: str, *, limit: int, offset: int) -> tuple[SearchHit, ...]:
    """The messages that hold every word of `query`, best first.

    A conversation whose title alone matches is shown by its first message.
    """
    wanted = words.phrases(query)
    matches = _matches(connection, wanted)[max(0, offset) : max(0, offset) + max(0, limit)]
    return tuple(_hits(connection, matches, wanted))


def conversations_with(connection: Connection, query: str) -> list[str]:
    """The ids of the conversations in which `query` was said or that are called so, best first."""
    matches = _matches(connection, words.phrases(query))
    return list(dict.fromkeys(match.conversation_id for match in matches))


def _matches(connection: Connection, wanted: tuple[words.Phrase, ...]) -> list[_Match]:
    if not wanted:
        return []
    values = {"match": words.match_expression(wanted), "most": _RANKED}
    said = [_Match(row.conversation_id, row.number) for row in connection.execute(_MESSAGES, values)]
    known = {match.conversation_id for match in said}
    titles = [_Match(row.id) for row in connection.execute(_TITLES, values) if row.id not in known]
    return titles + said


_MESSAGES = text("""
    SELECT number, conversation_id FROM (
        SELECT m.number, m.conversation_id, bm25(message_words) AS score
        FROM message_words
        JOIN messages AS m ON m.number = message_words.rowid
        JOIN conversations AS c ON c.id = m.conversation_id
        WHERE message_words MATCH :match AND c.deleted_at IS NULL AND m.deleted_at IS NULL
            AND NOT c.temporary
        ORDER BY message_words.rowid DESC LIMIT :most
    ) ORDER BY score, number DESC
""")

_TITLES = text("""
    SELECT id FROM (
        SELECT c.id, c.activity, bm25(title_words) AS score
        FROM title_words JOIN conversations AS c ON c.number = title_words.rowid
        WHERE title_words MATCH :match AND c.deleted_at IS NULL AND NOT c.temporary
        ORDER BY title_words.rowid DESC LIMIT :most
    ) ORDER BY score, activity DESC
""")


def _hits(
    connection: Connection, matches: Sequence[_Match], wanted: tuple[words.Phrase, ...]
) -> Iterator[SearchHit]:
    numbers = {match: match.number or _first_message(connection, match) for match in matches}
    query = select(messages, conversations.c.title).join(conversations)
    rows = connection.execute(query.where(messages.c.number.in_(numbers.values())))
    by_number = {row.number: row for row in rows}
    for match, number in numbers.items():
        if (row := by_number.get(number)) is not None:
            found_in = row.title if match.number is None else _said(parts_of(row.parts))
            yield SearchHit(
                conversation_id=match.conversation_id,
                title=row.title,
                message_id=row.id,
                role=Role(row.role),
                snippet=words.snippet(found_in, wanted),
                created_at=row.created_at,
            )


def _first_message(connection: Connection, match: _Match) -> int | None:
    query = select(messages.c.number).where(
        messages.c.conversation_id == match.conversation_id, messages.c.deleted_at.is_(None)
    )
    return connection.scalar(query.order_by(messages.c.id).limit(1))
