"""Real clusters for the tests and the demo.

`python -m tests.cluster --help` lists what it does. Everything here but `registry` needs only the standard
library, so that the long program builds can start before the Python environment exists.
"""
