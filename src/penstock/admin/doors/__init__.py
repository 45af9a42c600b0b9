"""Who comes in, as which user, and who is kept out."""
