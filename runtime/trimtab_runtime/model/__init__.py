"""A model as an artifact (packed) and as a folder of a pod (pulled, verified)."""
