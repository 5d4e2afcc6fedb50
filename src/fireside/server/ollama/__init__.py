"""Ollama's interface: requests are checked and translated, answers told line by line."""
