"""The files of a data folder as local, disposable views of append-only streams that an engine replicates.

In: what a transaction changed, or requests that were accepted. Out: the same files at every node, for each follows one order.
What is appended is durable; what is in a file can be had again from its stream, or from a snapshot. On one machine nothing of
this is imported.
"""
