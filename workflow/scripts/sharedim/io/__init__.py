"""Any supported file opened as modalities, checked, and the user's object written."""
