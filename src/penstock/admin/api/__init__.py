"""The admin API: JSON in, JSON out, for programs that do what people do in the dashboard."""
