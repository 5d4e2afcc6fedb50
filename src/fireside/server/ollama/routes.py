"""The routers of Ollama's interface."""

from fireside.server.ollama import chat, generate, models, pull

ROUTERS = (models.router, models.door, chat.router, generate.router, pull.router)
