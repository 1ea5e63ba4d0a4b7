"""`publish`: the last container of a trial and of an evaluation; it alone writes results."""
