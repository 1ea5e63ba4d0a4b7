"""Pure vocabulary that every kind shares: plans, conditions, errors, names, hashing, time."""
