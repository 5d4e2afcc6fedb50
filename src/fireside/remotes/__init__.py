"""Servers elsewhere that speak the OpenAI API: how they are reached, and what they say of themselves.

Only the settings name them: no address ever comes from a request (SECURITY: server-side request forgery).
"""
