"""What people ask of both files. Opens them read-only, and changes nothing."""
