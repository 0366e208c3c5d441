"""Find how many dimensions two modalities share.

This is the library behind the sharedim workflow. Importing it imports nothing else, so that each
job pays only for what it uses: ``from sharedim import training`` needs torch and numpy alone.
"""

__version__ = "0.1.0"
