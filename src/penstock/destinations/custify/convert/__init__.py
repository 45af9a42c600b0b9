"""Step 3: what an event means for Custify.

In: one event's JSON and the destination's mapping. Out: a Plan of Calls, or why there is none.
Pure: no I/O, no clock, no exception for bad data. Same event, same mapping, same plan.
"""

from penstock.destinations.custify.convert.convert import convert

__all__ = ["convert"]
