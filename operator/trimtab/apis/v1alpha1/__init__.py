"""Version v1alpha1 of trimtab.dev: one module per kind, shared types in `meta`."""
