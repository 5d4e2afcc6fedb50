"""The results as Markdown: one table for each piece, the best of each column in bold, whoever that is."""

from __future__ import annotations

from collections.abc import Iterator

from beside.field import ENTRIES
from beside.pieces import PIECES
from beside.results import Figure, Results

MARKS = ("<!-- measured -->", "<!-- until here -->")
BETTER_IS_LESS = {"s", "MB", "tokens"}
TITLES = {
    "ready": "first answer after the command",
    "first word, 0, cold": "short question",
    "first word, 2000, cold": "2,000 tokens",
    "first word, 6000, cold": "6,000 tokens",
    "first word, 2000, warm": "next turn after 2,000",
    "first word, 6000, warm": "next turn after 6,000",
    "first word, 2000, after a restart": "2,000 tokens",
    "first word, 6000, after a restart": "6,000 tokens",
    "reply, 0": "behind a short question",
    "reply, 2000": "behind 2,000 tokens",
    "reply, 6000": "behind 6,000 tokens",
    "reading, 2000": "2,000 tokens",
    "reading, 6000": "6,000 tokens",
    "read twice, 2000": "of 2,000",
    "read twice, 6000": "of 6,000",
    "reply, quiet": "nothing else running",
    "reply, a core busy": "another program on one core",
}
SECTIONS = (
    ("words", "first word", "The first word"),
    ("restart", "first word", "The first word of the next turn after a restart"),
    ("words", "reply", "Writing replies"),
    ("words", "reading", "Reading prompts"),
    ("words", "read twice", "What of a conversation was read twice for its next turn"),
    ("busy", "reply", PIECES["busy"].words),
    ("dialogue", "", "Ten turns of 64 tokens"),
    ("users", "", "Several people at once, all tokens together"),
    ("edit", "", "Writing a text again"),
    ("start", "ready", "From the command to the first answer"),
    ("start", "memory", "Memory"),
    ("size", "", "Installed, without the model"),
)


def tables(results: Results) -> Iterator[str]:
    yield machine_words(results)
    for model in results.models:
        yield f"### {model}\n"
        for piece, begins, title in SECTIONS:
            figures = [one for one in results if one.piece == piece and one.model == model]
            if figures:
                yield from section(piece, title, begins, figures)


def put_into(guide: str, results: Results, picture: str) -> str:
    """Return the guide with the picture and the tables between its marks."""
    begin, end = MARKS
    before, _, rest = guide.partition(begin)
    shown = f"![Bars that compare the programs]({picture})\n"
    return "\n".join([before + begin, "", shown, *tables(results), end]) + rest.partition(end)[2]


def section(piece: str, title: str, begins: str, figures: list[Figure]) -> Iterator[str]:
    shown = [one for one in figures if one.values and one.what.startswith(begins)]
    if not shown:
        return
    columns = list(dict.fromkeys(one.what for one in sorted(shown, key=lambda one: rank(one.what))))
    unit = shown[0].unit
    cells = {(one.side, one.what): one for one in shown}
    best = {what: best_of([one for one in shown if one.what == what]) for what in columns}
    yield f"#### {title} ({unit})\n"
    yield "| | " + " | ".join(TITLES.get(what, what) for what in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for side, entry in ENTRIES.items():
        row = [cells.get((side, what)) for what in columns]
        if any(row):
            told = [cell(one, is_best=one is not None and one.side == best[one.what]) for one in row]
            yield f"| {entry.words} | " + " | ".join(told) + " |"
    failed = [one for one in figures if one.failed]
    yield ""
    for one in failed:
        yield f"- {ENTRIES[one.side].words}: {one.failed}"
    if failed:
        yield ""


def rank(what: str) -> tuple[int, str]:
    known = [*TITLES]
    return (known.index(what) if what in known else len(known), what)


def best_of(figures: list[Figure]) -> str:
    sign = 1 if figures[0].unit in BETTER_IS_LESS else -1
    return min(figures, key=lambda one: sign * one.median).side


def cell(figure: Figure | None, *, is_best: bool) -> str:
    """Return median and range."""
    if figure is None:
        return "–"
    told = number(figure.median)
    told = f"**{told}**" if is_best else told
    low, high = number(min(figure.values)), number(max(figure.values))
    return told if low == high else f"{told} ({low}–{high})"


def number(value: float) -> str:
    """
    >>> number(0.0123), number(1.234), number(17.26), number(1713.4)
    ('0.01', '1.23', '17.3', '1,713')
    """
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine_words(results: Results) -> str:
    known = results.machine
    if not known:
        return ""
    loads = results.loads.values()
    return (
        f"{known['processor']}, {known['cores']} cores ({', '.join(known['flags'] or ())}), "
        f"{known['system']}, {known['date']}; load average {known['load']} when it began, "
        f"{min(loads)}–{max(loads)} when its pieces did.\n"
        if loads
        else ""
    )
