"""People in the files of a data folder: what is looked for, read-only, and what the owner of each file removes of it."""
