"""PostgreSQL as a witness: rows of one table in the order of a number that is given under a lock, on the primary alone.

With a synchronous standby an append returns when that one has it on disk too; it is durable as PostgreSQL's commits are.
"""
