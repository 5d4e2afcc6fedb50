"""What the terminal says, in the person's language.

The English sentence is the key: `_("no model called {name}", name=name)`. A language is one file
beside this one (`zh.py`) with `TEXTS`, from English sentence to translation, and `ERRORS`, from an
error's code to a sentence. A long one may be cut in two: `zh_chat.py` belongs to `zh.py`. A sentence that
has no translation is shown in English.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from collections.abc import Mapping
from types import ModuleType

from fireside.errors import FiresideError

ENGLISH = "en"
_VARIABLES = ("FIRESIDE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_current: ModuleType | None = None
_is_chosen = False


class Translated(str):
    """A sentence in the person's language: an error that says one needs no other before it."""

    __slots__ = ()


def available() -> tuple[str, ...]:
    """Return the codes of the languages there are.

    >>> available()
    ('en', 'zh')
    """
    files = (module.name for module in pkgutil.iter_modules(__path__) if "_" not in module.name)
    return tuple(sorted([ENGLISH, *files]))


def wanted(environ: Mapping[str, str]) -> str:
    """Return the language that the environment asks for: the first variable that is set decides.

    >>> wanted({"LC_ALL": "zh_CN.UTF-8", "LANG": "en_GB.UTF-8"})
    'zh'
    >>> wanted({"LANG": "tlh_QO"}), wanted({})
    ('en', 'en')
    """
    return _code(next((environ[name] for name in _VARIABLES if environ.get(name)), ENGLISH))


def use(language: str | None = None) -> None:
    """Speak `language` from now on (`settings.language`); without one, what the environment asks for."""
    global _current, _is_chosen
    code = _code(language) if language else wanted(os.environ)
    _current = None if code == ENGLISH else importlib.import_module(f"{__name__}.{code}")
    _is_chosen = True


def _(text: str, **values: object) -> str:
    """Return `text` in the person's language, with `{name}` replaced by the value called so.

    >>> use("en")
    >>> _("no chat called {name}", name="physics")
    'no chat called physics'
    """
    said = _texts().get(text, text)
    return Translated(said.format(**values) if values else said)


def _n(one: str, many: str, count: int, **values: object) -> str:
    """Return `one` for a single thing and `many`, with `{count}`, for any other number.

    A language without a plural translates `many` only.

    >>> use("en")
    >>> _n("{count} message", "{count} messages", 1), _n("{count} message", "{count} messages", 2)
    ('1 message', '2 messages')
    """
    texts = _texts()
    said = texts.get(one) or texts.get(many) or one if count == 1 else texts.get(many, many)
    return Translated(said.format(count=count, **values))


def explained(error: FiresideError) -> str:
    """Return the error's message, after a sentence for its code where the language has one.

    The details come from the server and stay in English.
    """
    _texts()
    sentence: str | None = _current.ERRORS.get(error.code) if _current else None
    if sentence is None or isinstance(error.message, Translated):
        return error.message
    return f"{sentence} ({error.message})"


def _texts() -> Mapping[str, str]:
    if not _is_chosen:
        use()
    texts: Mapping[str, str] = _current.TEXTS if _current else {}
    return texts


def _code(name: str) -> str:
    code = re.split(r"[_.@-]", name.lower())[0]
    return code if code in available() else ENGLISH
