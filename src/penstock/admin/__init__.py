"""Seen from the side: what a person does with a running Penstock.

In: what the buffer's Shelf and the other processes' snapshots say. Out: status, metrics, logs.
Never changes an event, and never stands in its way: if this part dies, events flow on.
"""
