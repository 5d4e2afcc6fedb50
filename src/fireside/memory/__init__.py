"""Memory: facts, digests, recall, and what engines have read, kept on disk."""
