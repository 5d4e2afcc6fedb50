"""The parts of `benchmarks/peers.py`: who is measured, what is measured, and how it is shown."""
