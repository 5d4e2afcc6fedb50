"""The store: conversations kept in SQLite, searched, backed up and moved in and out."""

from fireside.store.imported import ImportedConversation, ImportedMessage

__all__ = ["ImportedConversation", "ImportedMessage"]
