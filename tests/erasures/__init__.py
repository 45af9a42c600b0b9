"""People who are erased while traffic goes on, over real processes that are killed and a Custify that fails: `make erasures`.

What is left is looked for as a thief would who has the disk: in the bytes of every file, and in what the processes said.
"""
