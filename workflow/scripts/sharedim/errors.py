"""The one error that is about the user's input rather than about this program."""


class InputError(ValueError):
    """An input that cannot be used; the message is one sentence for the person who gave it."""
