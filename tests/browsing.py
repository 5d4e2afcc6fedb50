"""One visit to the page, and everything that must not happen during it."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Dialog, Page, Request


class Visit:
    """A tab that shows the page at `address`, watched for what a page must never do."""

    def __init__(self, page: Page, address: str) -> None:
        self._page = page
        self._address = address
        self._own = urlsplit(address).netloc
        self.foreign: list[str] = []
        self.dialogs: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._asked)
        page.on("dialog", self._opened)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._said)

    def open(self, fragment: str) -> Page:
        self._page.goto(f"{self._address}/{fragment}")
        return self._page

    def check(self) -> None:
        seen = (self.dialogs, self.foreign, self.errors)
        assert seen == ([], [], []), seen

    def _asked(self, request: Request) -> None:
        asked = urlsplit(request.url)
        if asked.scheme not in ("data", "blob") and asked.netloc != self._own:
            self.foreign.append(request.url)

    def _opened(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _said(self, message: ConsoleMessage) -> None:
        # A server that is away, and a refused request, are told by the browser itself.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)
