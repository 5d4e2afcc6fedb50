"""OpenAI's interface: requests are checked, passed to an engine, and completed on the way back."""
