"""The typed client of the server, which it finds or starts. Everything that a person sees goes through it.

`routes.AsyncClient` has one method for each route of `docs/reference/http.md`; `launch` finds or starts
the server; `chats.AsyncChat` and `waiting.Chat` are the Python interface.
"""
