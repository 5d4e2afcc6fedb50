"""Finding a model that isn't here: the hub's, by the words that people use, and a shelf of good first ones."""
