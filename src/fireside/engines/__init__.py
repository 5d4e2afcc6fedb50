"""Engines: what loads a model and generates; each in a child process of its own."""
