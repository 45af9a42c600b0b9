"""Why each field of a person has its value, found by asking the mapping itself."""
