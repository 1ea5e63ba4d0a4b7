"""A short soak."""
