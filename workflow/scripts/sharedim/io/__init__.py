"""Input and output: any supported file as modalities, validated, and the user's object."""
