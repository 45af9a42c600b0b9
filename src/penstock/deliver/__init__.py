"""Step 4: bring every event of one destination to exactly one outcome.

In: Leases from the buffer. Out: calls to a destination, and one verdict for every lease.
Never gives up an order: a lane moves one event at a time, and a lane that waits holds back no other.
"""
