"""Data files of an Experiment: read, checked against the data contract, compared between splits."""
