"""Every route of OpenAI's interface."""

from fireside.server.openai import chat, completions, models, responses

ROUTERS = (models.router, chat.router, completions.router, responses.router)
