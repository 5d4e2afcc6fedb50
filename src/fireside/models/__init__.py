"""Models: references to them, where they come from, what their files say.

Nothing here is imported before it is asked for: `fireside.models.library` is the way in.
"""
