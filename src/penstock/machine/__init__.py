"""What Penstock needs of the machine it runs on: processes, files, listeners."""
