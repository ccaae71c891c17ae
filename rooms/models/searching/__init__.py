"""Finding what was said: words, the index of them in each kind of database, and questions to it."""
