"""The admin API: JSON in, JSON out."""
