"""Files that cannot be read without the secret key: which key opens which file, and how a folder comes from one to another."""
