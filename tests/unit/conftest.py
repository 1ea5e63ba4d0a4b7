"""Settings of the property tests."""

from hypothesis import settings

# Time per example says nothing on a machine that does other work as well.
settings.register_profile("trimtab", deadline=None)
settings.load_profile("trimtab")
