"""control.db: what people decided: settings, users, orders, and the journal of who did what."""
