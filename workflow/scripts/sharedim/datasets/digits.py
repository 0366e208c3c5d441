"""Handwritten digits of scikit-learn as pairs: two halves, or image and label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

# The largest grey value.
WHITE = 16.0


def digit_halves() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
    """Return the left and the right half of each image.

    Returns
    -------
    left, right : ndarray of float64, shape (1797, 32)
        Grey values from 0 to 1, row by row.
    digits : ndarray of str, shape (1797,)
    """
    images, digits = _images()
    left, right = np.split(images, 2, axis=2)
    return left.reshape(len(digits), -1), right.reshape(len(digits), -1), digits.astype(str)


def digit_labels() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
    """Return each image and its label, as a classifier would have it.

    Returns
    -------
    images : ndarray of float64, shape (1797, 64)
        Grey values from 0 to 1, row by row.
    one_hot : ndarray of float64, shape (1797, 10)
        1 in the column of the digit, else 0.
    digits : ndarray of str, shape (1797,)
    """
    images, digits = _images()
    return images.reshape(len(digits), -1), np.eye(10)[digits], digits.astype(str)


def _images() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return images of 8 x 8 grey values from 0 to 1, and the digit of each."""
    found = load_digits()
    return found.images / WHITE, found.target
