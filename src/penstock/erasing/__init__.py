"""Erasing people: which ids are one person's, what there is of them, one request brought to its end, and what may be shown of it.

In: a request of the folder `privacy`. Out: nothing left of its people in the store and at each destination, and a receipt.
"""
