"""The results as a picture: bars side by side, as SVG that follows the reader's light or dark."""

from __future__ import annotations

import textwrap
from html import escape
from typing import NamedTuple

from beside.field import ENTRIES
from beside.results import Figure, Results
from beside.table import BETTER_IS_LESS, machine_words, number

PANELS = (
    ("words", "first word, 6000, cold", "First word behind 6,000 tokens"),
    ("restart", "first word, 6000, after a restart", "The same after a restart"),
    ("words", "reply, 0", "Reply behind a short question"),
    ("words", "reply, 6000", "Reply behind 6,000 tokens"),
    ("busy", "reply, a core busy", "Reply, a core taken by another"),
    ("dialogue", "ten turns", "Ten turns of 64 tokens"),
    ("users", "8 at once", "Eight people at once, together"),
    ("edit", "edited copy", "A text written again"),
)
WIDTH, GAP, LABEL, ROW, HEAD = 900, 20, 188, 19, 34
CAPTION, LINE = 130, 16
"""letters of a line of the caption, and its height"""
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1F1B16 }
.title { font-weight: 600; font-size: 13px }
.note { fill: #6B6257 }
.page { fill: #FBF8F3 }
.bar { fill: #C9BFB0 }
.ours { fill: #C2491D }
@media (prefers-color-scheme: dark) {
  text { fill: #EFE7DC }
  .note { fill: #A89C8C }
  .page { fill: #171412 }
  .bar { fill: #5A5047 }
  .ours { fill: #F08A5D }
}
"""


class Panel(NamedTuple):
    title: str
    figures: list[Figure]

    @property
    def height(self) -> int:
        return HEAD + ROW * len(self.figures)


def drawn(results: Results, model: str) -> str:
    """Return the SVG of one model's results, two panels beside each other."""
    panels = []
    for piece, what, title in PANELS:
        found = [one for side in ENTRIES if (one := results.of(piece, what, side, model))]
        if found:
            better = "shorter" if found[0].unit in BETTER_IS_LESS else "longer"
            words = f"{title} ({found[0].unit}, {better} is better)"
            panels.append(Panel(words, found))
    width = (WIDTH - 3 * GAP) // 2
    described = escape(f"{model} · {machine_words(results).strip()}")
    caption = textwrap.wrap(described, CAPTION)
    lines, top = [], GAP + 4 + LINE * len(caption)
    lines += [
        f'<text class="note" x="{GAP}" y="{GAP + 4 + LINE * row}">{line}</text>'
        for row, line in enumerate(caption)
    ]
    for left in range(0, len(panels), 2):
        pair = panels[left : left + 2]
        for number_in_pair, panel in enumerate(pair):
            lines += bars(panel, GAP + number_in_pair * (width + GAP), top, width)
        top += max(panel.height for panel in pair) + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img" '
        f'aria-label="{described}">\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{top}" rx="8"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )


def bars(panel: Panel, x: int, y: int, width: int) -> list[str]:
    most = max(one.median for one in panel.figures)
    lines = [f'<text class="title" x="{x}" y="{y + 14}">{escape(panel.title)}</text>']
    room = width - LABEL - 56
    for row, one in enumerate(panel.figures):
        top = y + HEAD - 8 + row * ROW
        long = max(1.0, room * one.median / most)
        entry = ENTRIES[one.side]
        lines.append(f'<text x="{x}" y="{top + 11}" font-size="11">{escape(entry.words)}</text>')
        kind = "ours" if entry.ours else "bar"
        lines.append(
            f'<rect class="{kind}" x="{x + LABEL}" y="{top + 1}" width="{long:.1f}" height="13" rx="2"/>'
        )
        lines.append(f'<text x="{x + LABEL + long + 5:.1f}" y="{top + 11}">{number(one.median)}</text>')
    return lines
