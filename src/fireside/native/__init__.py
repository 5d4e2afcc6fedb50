"""An engine compiled for the processor at hand: fetched as source, built, compared, and only then used.

`fireside tune --build` runs it as a process of its own (`python -m fireside.native`), at low priority.
"""
