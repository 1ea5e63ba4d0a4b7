"""Windows judged offline: recorded rows through the operator's own statistics and decisions, no cluster."""
