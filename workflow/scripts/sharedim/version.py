"""Version of sharedim."""

# Not hashed: a release whose code is the same gives the same results.

__version__ = "0.1.0"
