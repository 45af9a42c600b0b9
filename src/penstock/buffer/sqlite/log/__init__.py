"""events.db: what was accepted, in the order it came. accept writes it."""
