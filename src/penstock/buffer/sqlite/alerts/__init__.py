"""alerts.db: what is wrong, who was told, and what is still to be told; operate writes it."""
