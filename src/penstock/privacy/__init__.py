"""Who is suppressed or was erased: a list of keyed digests; what was asked for; and receipts that prove it.

In: names of people and companies, as identity.py writes them. Out: whether an event may come in, requests as files of the data
folder, and signed receipts, which hold no name.
"""
