"""Step 1: HTTP in.

In: requests of RudderStack and Segment SDKs. Out: Events, appended to the log; an answer 200 only when they are on disk.
Never converts, never talks to a destination, and never changes what an event says: what it adds stands beside the body.
"""
