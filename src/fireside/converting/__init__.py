"""Models in other formats: what each tensor gets is decided here, and written by a process of its own.

The formats are computed by the engine's own library; see docs/decisions/0024-convert.md.
"""
