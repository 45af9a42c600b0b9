"""Step 2: keep events until each has an outcome.

In: Events from `accept`. Out: Leases to `deliver`, at most one per lane at a time, in the order of arrival.
A lease that is not ended comes back when it runs out: a crash costs time, never events.
This package does not look inside an event's body.
"""
