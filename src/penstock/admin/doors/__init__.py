"""Who comes in, as whom, and who is kept out."""
