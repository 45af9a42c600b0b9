"""What the store promises, a promise a file. Each verb is a test in tests/contract/."""
