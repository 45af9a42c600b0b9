"""What people ask about a running Penstock: status, sums, what may be shown to which user. Changes nothing."""
