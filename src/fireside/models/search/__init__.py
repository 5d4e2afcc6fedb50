"""Finding a model that isn't here: what people's words mean, what the hub lists, and what comes first."""
