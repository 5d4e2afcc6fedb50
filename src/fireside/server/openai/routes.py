"""Every route of OpenAI's interface."""

from fireside.server.openai import chat, completions, embeddings, models, responses

ROUTERS = (models.router, chat.router, completions.router, responses.router, embeddings.router)
