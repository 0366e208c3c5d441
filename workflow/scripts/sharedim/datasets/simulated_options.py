"""Options of simulated pairs of features, by kind, completed and checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from sharedim.errors import InputError, did_you_mean

# Every kind knows these; noise is the standard deviation of what is added to each side.
OF_EVERY_KIND: dict[str, object] = {"noise": [0, 0], "seed": 0}
SHARED_COORDINATES: dict[str, object] = {
    "pairs": 14_000,
    "shared_dimensions": 2,
    "features": [20, 20],
}
DEFAULTS: dict[str, dict[str, object]] = {
    "linear": SHARED_COORDINATES,
    "nonlinear": SHARED_COORDINATES,
    "gaussian": {
        "pairs": 10_000,
        "features": [10, 6],
        "correlations": [0.8, 0.5, 0.3],
        "covariance": None,
        "balanced": False,
    },
    "gaussian_process": {
        "pairs": 10_000,
        "features": [12, 5],
        "inverse_length": 3,
        "smoothness": 2,
        "modes": 1_000,
        "noise": [0.05, 0],
    },
    "drifters": {
        "pairs": 8_000,
        "modes": 5,
        "positions": 25,
        "speed": 1,
        # Without any, a trajectory would determine its coefficients and there were no posterior.
        "noise": [0.01, 0],
    },
    "digit_halves": {},
    "digit_labels": {},
}


def completed(where: str, given: dict[str, object]) -> dict[str, object]:
    """Refuse what does not go together and add the defaults of the kind.

    Parameters
    ----------
    where : str
        How messages name these options, such as ``"datasets.a.pairs"``.
    given : dict
        ``kind``, a key of `DEFAULTS`, and any of its options, each of a type and within the bounds
        that the schema of the configuration asks for.

    Returns
    -------
    dict
        The kind and every option of it.

    Raises
    ------
    InputError
        If an option is not one of this kind, or options contradict each other.
    """
    kind = str(given["kind"])
    known = OF_EVERY_KIND | DEFAULTS[kind]
    for key in given:
        if key != "kind" and key not in known:
            hint = did_you_mean(key, known)
            raise _refused(
                where,
                f"{key} is not for kind {kind}; {hint}its keys are {', '.join(sorted(known))}",
            )
    # Of the types that the schema asks for, which differ by key.
    options: dict[str, Any] = known | given
    if kind in ("linear", "nonlinear"):
        _check_shared(where, options)
    elif kind == "gaussian":
        if options["covariance"] is not None:
            if "correlations" in given:
                raise _refused(where, "give correlations or covariance, not both")
            options["correlations"] = None
            _check_covariance(where, options)
        elif len(options["correlations"]) > min(options["features"]):
            raise _refused(
                where,
                f"{len(options['correlations'])} correlations, but one side has only "
                f"{min(options['features'])} features; give at most as many",
            )
    elif kind == "gaussian_process" and options["features"][1] > options["modes"]:
        raise _refused(
            where,
            f"{options['features'][1]} features of the second side are the first of "
            f"{options['modes']} modes; give more modes or fewer features",
        )
    return options


def _check_shared(where: str, options: dict[str, Any]) -> None:
    if options["shared_dimensions"] > min(options["features"]):
        raise _refused(
            where,
            f"shared_dimensions is {options['shared_dimensions']}, but one side has only "
            f"{min(options['features'])} features; give at most as many",
        )


def _check_covariance(where: str, options: dict[str, Any]) -> None:
    size = sum(options["features"])
    rows = options["covariance"]
    if len(rows) != size or any(len(row) != size for row in rows):
        raise _refused(
            where,
            f"covariance has to be {size} x {size}, for features {options['features']} of the two "
            "sides together; give features that fit it",
        )
    matrix = np.array(rows, dtype=float)
    if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] <= 0:
        raise _refused(where, "covariance has to be symmetric and positive definite")


def _refused(where: str, what: str) -> InputError:
    return InputError(f"configuration: {where}: {what}")
