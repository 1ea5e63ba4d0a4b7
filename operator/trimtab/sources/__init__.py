"""Everything that talks to anything but the API server."""
