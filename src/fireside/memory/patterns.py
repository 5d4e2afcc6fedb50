"""How facts look. Every repetition is bounded: a hostile text costs linear time.

The order counts: what lies inside something that was found before is no fact of its own.
"""

from __future__ import annotations

import re
from typing import Literal

from fireside.memory.sentences import CJK

Kind = Literal["name", "number", "date", "quotation", "identifier", "preference", "decision"]

_MONTH = (
    r"(?:January|February|March|April|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
)
_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_MEASURE = "只个人岁年月日天号点块元里斤米次本条张台辆楼层度分秒周件套"
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w’'-]{1,40}"


def _verbose(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.VERBOSE)


QUOTATION = _verbose(
    r"""
    "[^"\n]{1,200}" | “[^”\n]{1,200}” | «[^»\n]{1,200}» | [「『《][^」』》\n]{1,200}[」』》]
    """
)
ADDRESS = _verbose(
    r"""
    `[^`\n]{1,120}`
    | \b(?:https?://|www\.)[^\s<>"]{1,300}
    | (?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,63}
    | (?<![\w/.~])[~.]{0,2}/[\w.-]{1,80}(?:/[\w.-]{1,80}){0,12}
    """
)
DATE = _verbose(
    rf"""
    \b\d{{4}}-\d{{2}}-\d{{2}}\b
    | \b\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}\b
    | \b\d{{1,2}}(?:[:.]\d{{2}})?\s?[ap]\.?m\b
    | \b\d{{1,2}}:\d{{2}}\b
    | \b(?:{_NTH}\s(?:of\s)?)?{_MONTH}\b\.?(?:\s{_NTH}\b)?(?:,?\s\d{{4}})?
    | \bMay\s{_NTH}\b(?:,?\s\d{{4}})?
    | \b{_NTH}\s(?:of\s)?May\b(?:\s\d{{4}})?
    | \b{_DAY}s?\b
    | \d{{2,4}}年(?:\d{{1,2}}月)?(?:\d{{1,2}}[日号])?
    | \d{{1,2}}月(?:\d{{1,2}}[日号])?
    | (?:星期|礼拜|周)[一二三四五六日天]
    """
)
IDENTIFIER = _verbose(
    r"""
    (?<![\w.])[A-Za-z_]\w{0,60}(?:(?:\.|::|->)[A-Za-z_]\w{0,60}){1,6}(?:\(\))?
    | \b[A-Za-z]{1,60}_\w{1,80}
    | \b[a-z]{1,30}[A-Z]\w{0,60}
    | \b[A-Za-z]\w{0,60}\(\)
    | \b(?=[A-Za-z-]{0,20}\d)(?=[\d-]{0,20}[A-Za-z])[A-Za-z0-9]{2,40}(?:-[A-Za-z0-9]{1,40}){0,6}\b
    """
)
NUMBER = _verbose(
    rf"""
    (?<![0-9A-Za-z_.,])[-+$€£¥]?\d{{1,30}}(?:[.,:/\s-]\d{{1,30}}){{0,8}}
      (?:\s?[%°€$£¥] | \s?[a-zA-Z]{{2,20}} | [{CJK}])?(?![0-9A-Za-z])
    | (?!一[个些下点样])[一二三四五六七八九十百千万亿两零〇]{{1,12}}[{_MEASURE}]
    """
)
NAME = _verbose(
    rf"""
    (?<![0-9A-Za-z]){_CAPITAL}(?:\s(?:(?:of|de|van|von|der|la|the)\s)?{_CAPITAL}){{0,5}}
    | \b[A-Z]{{2,12}}\b
    | [{CJK}]{{1,6}}?(?:市|省|县|区|国|路|街|镇|村|大学|公司|先生|女士|老师|医生)
    """
)
CALLED = re.compile(rf"(?:名字(?:是|叫)|名叫|叫做|叫|姓)([{CJK}·]{{1,5}})")
PREFERENCE = re.compile(
    r"\b(?:I|we|my|our|me)\b.{0,40}\b(?:prefer|(?<!would )(?<!'d )(?<!’d )like|love|hate|dislike|enjoy"
    r"|favou?rite|allerg\w{1,4}|vegetarian|vegan"
    r"|can(?:'|’)?t stand|do(?:n't|n’t| not) (?:eat|drink|like|want)"
    r"|always|never)\w{0,3}\b"
    r"|\b(?:call me|please (?:always|never|use|call|answer|write|reply))\b"
    r"|我.{0,6}(?:喜欢|讨厌|爱|偏好|习惯|不吃|不喝|过敏|想要|希望|需要)|请.{0,3}(?:叫我|称呼|不要|用|始终)",
    re.IGNORECASE,
)
DECISION = re.compile(
    r"\b(?:I|we|let(?:'|’)?s|let us)\b.{0,24}\b(?:decided?|agreed?|chose|chosen|settled on|going with|go with"
    r"|picked|plan to|planned|booked|ordered|stick with|will (?:use|go|take|do|have|start|meet|call|be))\b"
    r"|(?:我们|我|咱们).{0,6}(?:决定|同意|约定|说好|定了|选了|选择|打算|计划|就用)",
    re.IGNORECASE,
)
INSIDE: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("quotation", QUOTATION),
    ("identifier", ADDRESS),
    ("date", DATE),
    ("identifier", IDENTIFIER),
    ("number", NUMBER),
    ("name", CALLED),
    ("name", NAME),
)
"""what is a fact as it stands"""
WHOLE: tuple[tuple[Kind, re.Pattern[str]], ...] = (("preference", PREFERENCE), ("decision", DECISION))
"""what makes its whole sentence a fact"""

BEFORE_A_PLACE = re.compile(
    r"^(?:我们|我|你|他|她|住在|住|来自|位于|出生于|出生在|在|去|到|是|和|从){1,4}(?=..)"
)
NO_NAME_ENDINGS = ("ing", "ly", "tion", "ment", "ness", "able", "ed")
