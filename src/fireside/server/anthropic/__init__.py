"""Anthropic's interface: requests are checked and translated, the engine's answers told in its events."""
