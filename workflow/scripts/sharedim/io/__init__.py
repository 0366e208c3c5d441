"""Input and output: any supported file as modalities, validated, and the user's object."""

__all__ = [
    # A file, opened.
    "readers",
    "modalities",
    # Its paired cells to train on, and all of its cells to embed.
    "paired",
    "unpaired",
    "protein_values",
    # Reasons to refuse it.
    "validation",
    # The whole object, written again.
    "user_object",
]
