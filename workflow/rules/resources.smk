"""What jobs ask of a scheduler, from the size of their input, and more at each attempt."""


def memory_of_reading(wildcards, input, attempt):
    """Return memory in MB for reading cells: files may be packed or not, so more at each attempt."""
    return attempt * (
        4000 + 8 * sum(Path(file).stat().st_size for file in input) // 10**6
    )


def memory_of_features(wildcards, input, attempt):
    """Return memory in MB for training and scoring, which read features: more at each attempt."""
    return attempt * round(2000 + 10 * input.size_mb)


def growing(number):
    """Return a function that gives so much of a resource, and as much more at each attempt."""
    return lambda wildcards, attempt: attempt * number


def time_of_training(wildcards, attempt):
    """Return minutes for training a block: more cells do not take longer, more seeds do.

    A model of the paper's recipe takes 5 minutes on a core.
    """
    return attempt * (60 + 20 * len(seeds_of(wildcards)))


def time_of_scoring(wildcards, input, attempt):
    """Return minutes for scoring: a model takes 10 seconds a core with 30,000 cells.

    Twice that, and more with the square of the cells, whose features are 900 bytes or less each.
    """
    cells = input.size_mb * 10**6 / 900
    models = len(input.models) * config["seeds"]
    return attempt * round(60 + models * (cells / 30_000) ** 2 / 3)
