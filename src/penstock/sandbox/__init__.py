"""Custify as we read its manual, on this machine; for trying things out and for tests.

In: Custify's API calls. Out: Custify's answers, a page that shows what a customer success manager would see, and
under /_sandbox/ what only a sandbox can offer: every call received, faults on request, the whole state.
Where the manual is silent we decide against ourselves: what a careless sender would lose, it loses here.
`rules.py` names the evidence for each reading. What was answered 2xx is kept in the data file, if there is one.
This package imports nothing of penstock: it is a second, independent reading of the same manual.
"""
