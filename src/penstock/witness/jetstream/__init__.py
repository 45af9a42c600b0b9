"""NATS JetStream as a witness: a replicated stream for each of ours, one of leases, and one of snapshots.

Nothing of the servers is in use but what they promise together: a stream's leader numbers, a majority has each message on disk,
and an expected number or an id is checked by the leader. Numbers and reads are those of the stream itself.
"""
