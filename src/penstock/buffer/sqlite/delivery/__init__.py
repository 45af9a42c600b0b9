"""delivery.db: who waits for what, and how it ended. deliver writes it."""
