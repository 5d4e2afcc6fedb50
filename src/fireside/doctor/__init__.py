"""`fireside doctor`: looks at everything that Fireside needs, and says how to mend what is wrong.

It works without the server, since a damaged store, a taken port or a wrong setting keep that from starting.
While one runs, nothing of its is changed. A check is one function and one line in `CHECKS`.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from fireside import runtime
from fireside.doctor.findings import About, Finding, Mend, Said, State, problem, problem_of, said
from fireside.errors import ConfigError, FiresideError
from fireside.settings import Home, Settings, find_home, load_settings

CHECKS = (
    "fireside.doctor.machine:check_machine",
    "fireside.doctor.libraries:check_libraries",
    "fireside.doctor.files:check_configuration",
    "fireside.doctor.files:check_files",
    "fireside.doctor.chats:check_chats",
    "fireside.doctor.models:check_models",
    "fireside.doctor.engine:check_engine",
    "fireside.doctor.address:check_address",
    "fireside.doctor.network:check_network",
)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Examined:
    """Whom the doctor looks at. `settings` are the plain ones where the person's can't be read."""

    home: Home
    settings: Settings
    config_error: ConfigError | None
    is_held: bool
    """whether a server uses this home"""
    deep: bool = False
    """whether what takes minutes is done too: reading all of every model file"""
    network: bool = False
    """whether those are asked whom a download would ask"""


Check = Callable[[Examined], Iterator[Finding]]


def examine(
    *, deep: bool = False, network: bool = False, environ: Mapping[str, str] = os.environ
) -> Iterator[Finding]:
    """Yield what is found, one thing after the other."""
    home = find_home(environ)
    settings, error = _settings(home, environ)
    who = Examined(home, settings, error, _is_held(home), deep, network)
    for place in CHECKS:
        module, _, name = place.partition(":")
        check: Check = getattr(importlib.import_module(module), name)
        yield from _carefully(check, who)


def _settings(home: Home, environ: Mapping[str, str]) -> tuple[Settings, ConfigError | None]:
    """Return the settings, or what is wrong with them and what holds without the file."""
    try:
        return load_settings(home, environ), None
    except ConfigError as error:
        without_file = Home(config=home.config / "none", data=home.data)
        try:
            return load_settings(without_file, environ), error
        except ConfigError:  # a variable is wrong, too
            return Settings(), error


def _carefully(check: Check, who: Examined) -> Iterator[Finding]:
    """Yield what a check finds; one that fails itself is a finding, and the others go on."""
    about = cast("About", check.__name__.removeprefix("check_"))
    try:
        yield from check(who)
    except FiresideError as error:
        yield problem_of(about, error)
    except Exception as error:  # the other checks are the more needed
        log.debug("the check %s failed", about, exc_info=True)
        yield problem(
            about,
            said("the check of “{about}” failed itself: {error}", about=about, error=repr(error)),
            said("please report this; the other checks went on"),
        )


def _is_held(home: Home) -> bool:
    try:
        return runtime.is_held(home)
    except OSError:
        return False


__all__ = ["Examined", "Finding", "Mend", "Said", "State", "examine"]
