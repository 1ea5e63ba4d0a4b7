"""The demo: the loop on the flights of 2013, on a real cluster, from nothing to the model in production."""
