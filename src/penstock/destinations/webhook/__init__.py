"""Any https address: each event as JSON, signed as Standard Webhooks."""
