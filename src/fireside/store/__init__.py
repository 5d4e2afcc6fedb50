"""The store: conversations kept in SQLite, searched, backed up and moved in and out."""

from fireside.store.conversations import StoreCounts
from fireside.store.exports import export_all, export_json, export_markdown
from fireside.store.imported import ImportedConversation, ImportedMessage
from fireside.store.imports import import_file
from fireside.store.restoring import put_back
from fireside.store.store import Store

__all__ = [
    "ImportedConversation",
    "ImportedMessage",
    "Store",
    "StoreCounts",
    "export_all",
    "export_json",
    "export_markdown",
    "import_file",
    "put_back",
]
