"""A rollout as it was recorded, and its picture in docs/deployment.md."""
