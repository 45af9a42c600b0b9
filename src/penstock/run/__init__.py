"""`penstock serve`: the parts put together, as processes that are watched."""
