"""The routers of Ollama's interface."""

from fireside.server.ollama import chat, embed, generate, models, pull

ROUTERS = (models.router, models.door, chat.router, generate.router, embed.router, pull.router)
