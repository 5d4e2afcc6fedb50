"""The store: conversations kept in SQLite, searched, backed up and moved in and out."""

from fireside.store.conversations import StoreCounts
from fireside.store.imported import ImportedConversation, ImportedMessage
from fireside.store.restoring import put_back
from fireside.store.store import Store

__all__ = ["ImportedConversation", "ImportedMessage", "Store", "StoreCounts", "put_back"]
