"""The contract in Python's own words: the reference for tests and the simulation. Forgets everything with the process."""
