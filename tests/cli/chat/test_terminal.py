"""The real program in a real terminal, with the real server and model."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pexpect
import pytest

from fireside import runtime
from fireside.client.routes import AsyncClient, connected
from fireside.conversations import ReplyStatus, StoredMessage, Tree
from fireside.events import Finished
from fireside.messages import Role
from fireside.settings import Home
from serving import processor_s, until_rested

T = TypeVar("T")
PROGRAM = ["-m", "fireside"]
_PROMPT = r"(?s)\x1b\[\?2004h(?:\x1b\[\?1l)?\x1b\[\?25l[^>]{0,80}>[^>]{0,300}?\x1b\[\?25h"
"""How prompt_toolkit begins: pasting is set, the cursor hidden, prompt and draft drawn, the cursor shown."""
_CONTROL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07|[\x08\r]")
_LONG = "Tell a long story about a lighthouse, a storm and a cat."


class Seen:
    """A terminal with the chat in it."""

    def __init__(self, environ: dict[str, str], *arguments: str, columns: int = 80) -> None:
        self.child: pexpect.spawn[str] = pexpect.spawn(
            sys.executable,
            [*PROGRAM, *arguments],
            env=environ,
            dimensions=(24, columns),
            encoding="utf-8",
            timeout=40,
        )

    def prompt(self) -> str:
        """Wait for the prompt; return what came before it, without control sequences."""
        self.child.expect(_PROMPT)
        return plain(self.child.before or "")

    def enter(self, text: str) -> None:
        self.child.send(text + "\r")

    def ask(self, text: str) -> str:
        """Enter a text and return what is shown until the next prompt."""
        self.enter(text)
        return self.prompt()

    def leave(self) -> int:
        """Press Ctrl-D and return the exit code."""
        self.child.sendeof()
        return self.ended()

    def ended(self) -> int:
        self.child.expect(pexpect.EOF)
        self.child.wait()
        assert self.child.exitstatus is not None
        return int(self.child.exitstatus)


def plain(text: str) -> str:
    return _CONTROL.sub("", text)


@pytest.fixture(scope="module")
def environ(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A home of its own; the server in it is started by the chat, and stopped at the end."""
    home = tmp_path_factory.mktemp("home")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "FIRESIDE_"))}
    environ |= {
        "FIRESIDE_HOME": str(home),
        "FIRESIDE_PORT": "0",
        "FIRESIDE_THREADS": "1",
        "FIRESIDE_MODEL": f"file:{smollm2}",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "PROMPT_TOOLKIT_NO_CPR": "1",
    }
    environ.pop("NO_COLOR", None)
    yield environ
    subprocess.run([sys.executable, *PROGRAM, "stop"], env=environ, check=False, capture_output=True)


@pytest.fixture
def home(environ: dict[str, str]) -> Home:
    return Home(config=Path(environ["FIRESIDE_HOME"]), data=Path(environ["FIRESIDE_HOME"]))


def asked(home: Home, question: Callable[[AsyncClient], Awaitable[T]]) -> T:
    """Return what a client of the running server is told."""

    async def ask() -> T:
        async with connected(home) as client:
            return await question(client)

    return asyncio.run(ask())


async def newest(client: AsyncClient) -> Tree:
    page = await client.conversations(limit=1)
    return await client.tree(page.conversations[0].id)


async def finished_reply(client: AsyncClient) -> StoredMessage:
    """Wait until the newest conversation's reply has ended."""
    reply = (await newest(client)).messages[-1]
    async for event in client.events(reply.id):
        if isinstance(event, Finished):
            break
    return await client.message(reply.id)


def squeezed(text: str) -> str:
    """Only letters and digits: neither wrapping nor Markdown changes them."""
    return re.sub(r"\W+", "", text)


def test_a_chat_from_the_first_prompt_to_ctrl_d(environ: dict[str, str], home: Home) -> None:
    terminal = Seen(environ)
    assert "/help" in terminal.prompt()
    terminal.ask("/set temperature=0 max_tokens=40")
    terminal.ask("What is the capital of France?")
    tree = asked(home, newest)
    assert [message.role for message in tree.messages] == [Role.USER, Role.ASSISTANT]
    assert tree.messages[1].text
    assert terminal.leave() == 0
    history = home.data / "history"
    assert "+What is the capital of France?" in history.read_text(encoding="utf-8")
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_the_reply_that_is_shown_is_the_one_that_is_kept(environ: dict[str, str], home: Home) -> None:
    terminal = Seen(environ, "--temperature", "0", "--max-tokens", "60", columns=30)
    terminal.prompt()
    terminal.ask("List three fruits.")
    terminal.leave()
    again = Seen(environ, "-c", columns=30)
    shown = again.prompt()
    again.leave()
    assert squeezed(asked(home, newest).messages[-1].text) in squeezed(shown)


def test_ctrl_c_stops_the_reply_and_keeps_what_was_said(environ: dict[str, str], home: Home) -> None:
    terminal = Seen(environ, "--max-tokens", "2000", "--seed", "1")
    terminal.prompt()
    terminal.enter(_LONG)
    terminal.child.expect("nce|the|The")
    terminal.child.sendintr()
    assert "/continue goes on" in terminal.prompt()
    reply = asked(home, newest).messages[-1]
    assert reply.status is ReplyStatus.STOPPED
    assert reply.text
    assert terminal.leave() == 0


def test_a_terminal_that_closes_does_not_end_the_reply(environ: dict[str, str], home: Home) -> None:
    terminal = Seen(environ, "--max-tokens", "150", "--seed", "1")
    terminal.prompt()
    terminal.enter(_LONG)
    terminal.child.expect("nce|the|The")
    terminal.child.close(force=True)
    again = Seen(environ | {"NO_COLOR": "1"}, "-c")  # nothing is drawn twice
    shown = again.prompt()
    again.leave()
    reply = asked(home, finished_reply)
    assert reply.finish_reason in ("length", "stop")
    assert squeezed(reply.text) in squeezed(shown)


def test_pasted_lines_and_quoted_lines_are_one_message(environ: dict[str, str], home: Home) -> None:
    terminal = Seen(environ, "--max-tokens", "5")
    terminal.prompt()
    terminal.child.send("\x1b[200~one\ntwo\x1b[201~")
    terminal.ask("")
    terminal.child.send('"""three\r')
    terminal.ask('four"""')
    terminal.child.send("five\x1b\r")
    terminal.ask("six")
    terminal.leave()
    said = [each.text for each in asked(home, newest).messages if each.role is Role.USER]
    assert said == ["one\ntwo", "three\nfour", "five\nsix"]


def test_what_is_typed_while_a_reply_runs_is_in_the_next_prompt(environ: dict[str, str]) -> None:
    terminal = Seen(environ, "--max-tokens", "2000", "--seed", "1")
    terminal.prompt()
    terminal.enter(_LONG)
    terminal.child.expect("nce|the|The")
    terminal.child.send("typed ahead")
    terminal.child.sendintr()
    terminal.prompt()
    terminal.child.expect("typed ahead")
    terminal.child.sendintr()
    terminal.prompt()
    assert terminal.leave() == 0


def test_what_is_typed_is_read_before_it_is_entered(environ: dict[str, str], home: Home) -> None:
    terminal = Seen(environ)
    terminal.prompt()
    terminal.ask("/set temperature=0 max_tokens=5")
    terminal.ask("Name a colour.")
    pid = asked(home, lambda client: client.status()).engines[0].pid
    assert pid
    before_s = processor_s(pid)
    for key in "And why do you like this one so much?":
        terminal.child.send(key)
        time.sleep(0.05)
    until_rested(pid, before_s)
    terminal.ask("")
    reply = asked(home, newest).messages[-1]
    assert reply.usage
    assert reply.usage.cached_tokens == reply.usage.prompt_tokens - 1
    assert terminal.leave() == 0


def test_ctrl_c_clears_the_line_and_a_second_one_leaves(environ: dict[str, str]) -> None:
    terminal = Seen(environ)
    terminal.prompt()
    terminal.child.send("not sent")
    terminal.child.sendintr()
    assert "Ctrl-C again leaves" in terminal.prompt()
    terminal.child.sendintr()
    assert terminal.ended() == 130


def test_tab_completes_commands_and_personas(environ: dict[str, str]) -> None:
    terminal = Seen(environ)
    terminal.prompt()
    terminal.child.send("/cont")
    terminal.child.expect("/?continue")
    terminal.child.sendintr()
    terminal.prompt()
    terminal.child.send("/persona ")
    terminal.child.expect("professor")
    terminal.child.sendintr()
    terminal.prompt()
    assert terminal.leave() == 0


def test_an_edited_message_is_a_branch_of_its_own(environ: dict[str, str], home: Home) -> None:
    terminal = Seen(environ, "--max-tokens", "5")
    terminal.prompt()
    terminal.ask("What is up?")
    terminal.ask("/edit")
    assert plain(terminal.child.after or "").endswith("> What is up?")
    terminal.ask(" Tell me.")
    terminal.ask("/branch 1")
    tree = asked(home, newest)
    assert [each.text for each in tree.messages if each.role is Role.USER] == [
        "What is up?",
        "What is up? Tell me.",
    ]
    assert tree.conversation.head_id == tree.messages[1].id
    assert "● 1" in terminal.ask("/branches")
    terminal.leave()


def test_a_terminal_without_colours_gets_plain_text(environ: dict[str, str]) -> None:
    terminal = Seen(environ | {"NO_COLOR": "1"}, "--max-tokens", "20")
    terminal.prompt()
    terminal.enter("Say hello.")
    terminal.prompt()
    assert not re.search(r"\x1b\[[\d;]*[1-9]m|2026", terminal.child.before or "")
    terminal.leave()


def test_it_speaks_chinese_where_the_locale_does(environ: dict[str, str]) -> None:
    terminal = Seen(environ | {"LANG": "zh_CN.UTF-8"})
    terminal.prompt()
    assert "找不到模型" in terminal.ask("/model file:/nowhere.gguf")
    terminal.leave()


def test_an_unknown_model_ends_it_with_an_error(environ: dict[str, str]) -> None:
    terminal = Seen(environ, "--model", "file:/nowhere.gguf")
    assert terminal.ended() == 1
    assert "hint: " in plain(terminal.child.before or "")


def piped(environ: dict[str, str], text: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, *PROGRAM, *arguments]
    return subprocess.run(command, env=environ, input=text, capture_output=True, check=False, timeout=120)


def test_a_pipe_gets_answers_and_nothing_else(environ: dict[str, str], home: Home) -> None:
    lines = b"/set temperature=0 max_tokens=20\nSay hello.\nAnd again.\n"
    done = piped(environ, lines)
    assert (done.returncode, done.stderr) == (0, b"")
    replies = [each.text for each in asked(home, newest).messages if each.role is Role.ASSISTANT]
    expected = ["max_tokens=20", *replies]
    assert done.stdout.decode().split("temperature=0.0 ")[1] == "\n".join(expected) + "\n"


def test_a_pipe_that_is_not_utf_8_is_told_where(environ: dict[str, str]) -> None:
    done = piped(environ, b"caf\xe9\n")
    assert done.returncode == 1
    assert b"line 1 is not UTF-8 at byte 4" in done.stderr
    assert b"hint: " in done.stderr


def test_a_server_that_is_killed_costs_no_message(environ: dict[str, str], home: Home) -> None:
    terminal = Seen(environ, "--max-tokens", "2000", "--seed", "1")
    terminal.prompt()
    terminal.enter(_LONG)
    terminal.child.expect("nce|the|The")
    running = runtime.find(home)
    assert running
    os.kill(running.pid, signal.SIGKILL)
    terminal.prompt()
    tree = asked(home, newest)
    assert tree.messages[0].text == _LONG
    assert tree.messages[1].status is ReplyStatus.INTERRUPTED
    assert "One" not in terminal.ask("/set max_tokens 5")
    terminal.ask("Are you there?")
    assert len(asked(home, newest).messages) == 4
    terminal.leave()
