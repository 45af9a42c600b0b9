"""Beyond one machine: append-only streams that an engine replicates, and of which each node's SQLite files are views.

Streams of bytes go in, and come out the same and in the same order at every node; what the bytes mean is not known here.
"""
