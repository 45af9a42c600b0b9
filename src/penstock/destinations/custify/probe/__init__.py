"""Questions to the real Custify that no public page answers, asked with people and companies made for it alone.

In: a way to make one call, a name for this run, and what the sandbox and our mapping assume. Out: what Custify does, a
report, and a workspace without anything that was made. Nothing here knows HTTP, keys or the time: all of it is handed in.
"""
