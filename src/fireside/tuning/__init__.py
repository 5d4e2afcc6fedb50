"""How a model runs best on this machine: what can be chosen is tried side by side, and what is faster kept.

`fireside tune` runs it as a process of its own (`python -m fireside.tuning`), which no server has to run for.
"""
