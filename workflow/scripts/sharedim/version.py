"""Version of sharedim."""

__version__ = "0.1.0"
