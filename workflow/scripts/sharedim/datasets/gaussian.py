"""Gaussian pairs whose covariances are known, for the theory of Baptista et al. (arXiv 2505.24134)."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

# Covariances of each side have eigenvalues between these: far from white, far from singular.
LEAST_VARIANCE, MOST_VARIANCE = 0.5, 2.0


class Covariances(NamedTuple):
    """Population covariances of centred pairs (u, v).

    Attributes
    ----------
    first : ndarray, shape (dx, dx)
        Of u, Cuu.
    second : ndarray, shape (dy, dy)
        Of v, Cvv.
    cross : ndarray, shape (dx, dy)
        Cuv.
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    cross: NDArray[np.float64]

    @property
    def joint(self) -> NDArray[np.float64]:
        """Covariance of (u, v) together, shape (dx + dy, dx + dy)."""
        return np.block([[self.first, self.cross], [self.cross.T, self.second]])

    @property
    def canonical_correlations(self) -> NDArray[np.float64]:
        """Singular values of Cuu^-1/2 Cuv Cvv^-1/2, shape (min(dx, dy),), largest first."""
        # Cholesky factors whiten as well as symmetric roots: the two differ by a rotation.
        half = np.linalg.solve(np.linalg.cholesky(self.first), self.cross)
        whitened = np.linalg.solve(np.linalg.cholesky(self.second), half.T)
        correlations: NDArray[np.float64] = np.linalg.svd(whitened, compute_uv=False)
        return correlations

    def with_noise(self, noise: tuple[float, float]) -> Covariances:
        """Add the variance of independent noise, given its standard deviation on each side."""
        return Covariances(
            self.first + noise[0] ** 2 * np.eye(len(self.first)),
            self.second + noise[1] ** 2 * np.eye(len(self.second)),
            self.cross,
        )


def gaussian_covariances(
    *,
    features: tuple[int, int],
    correlations: list[float] | None = None,
    covariance: list[list[float]] | None = None,
    noise: tuple[float, float] = (0.0, 0.0),
    seed: int = 0,
) -> Covariances:
    """Return the covariances of the population that `simulate_gaussian` draws from.

    Parameters
    ----------
    features : tuple of two int
        Features dx of the first side and dy of the second.
    correlations : list of float, optional
        Canonical correlations between the sides before noise, those beyond them 0. Each side is a
        random map of uncorrelated coordinates of which only these pairs correlate: Cuu = F F^T and
        Cvv = G G^T have eigenvalues from 0.5 to 2, and Cuv = F diag(correlations) G^T.
    covariance : list of lists of float, optional
        Instead, the joint covariance of (u, v) itself, the first ``features[0]`` rows being u's.
    noise : tuple of two float
        Standard deviation of independent noise on each side.
    seed : int
        Decides the random maps.

    Returns
    -------
    Covariances
    """
    dx, dy = features
    if covariance is not None:
        joint = np.asarray(covariance, dtype=float)
        return Covariances(joint[:dx, :dx], joint[dx:, dx:], joint[:dx, dx:]).with_noise(noise)
    # Apart from the draws of the pairs, so that the population does not depend on their number.
    rng = np.random.default_rng([seed, dx, dy])
    first, second = _mixing(rng, dx), _mixing(rng, dy)
    if correlations is None:
        raise ValueError("neither correlations nor covariance is given; needed is one of them")
    shared = len(correlations)
    cross = first[:, :shared] * np.asarray(correlations) @ second[:, :shared].T
    return Covariances(first @ first.T, second @ second.T, cross).with_noise(noise)


def simulate_gaussian(
    covariances: Covariances, *, pairs: int, balanced: bool = False, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw centred Gaussian pairs.

    Parameters
    ----------
    covariances : Covariances
        Of the population.
    pairs : int
        Pairs.
    balanced : bool
        Take scrambled Sobol points through the inverse of the normal distribution function instead
        of independent draws. Each pair has the same distribution, but together they are spread more
        evenly, and their moments are closer to those of the population.
    seed : int
        Source of all randomness.

    Returns
    -------
    first, second : ndarray of float64, shapes (pairs, dx) and (pairs, dy)
    """
    root = np.linalg.cholesky(covariances.joint)
    if balanced:
        sampler = stats.qmc.Sobol(len(root), scramble=True, rng=np.random.default_rng(seed))
        with warnings.catch_warnings():
            # Any number of points will do, though a power of two is spread the most evenly.
            warnings.filterwarnings(
                "ignore", message="The balance properties", category=UserWarning
            )
            points = sampler.random(pairs)
        # Scrambled points have 30 bits and may be 0, whose normal quantile is not finite.
        white = stats.norm.ppf(points + 2.0**-31)
    else:
        white = np.random.default_rng(seed).normal(size=(pairs, len(root)))
    drawn = white @ root.T
    dx = len(covariances.first)
    return drawn[:, :dx], drawn[:, dx:]


def process_covariances(
    *,
    features: tuple[int, int],
    inverse_length: float,
    smoothness: float,
    modes: int,
    noise: tuple[float, float],
) -> Covariances:
    """Return the covariances of what `simulate_process` draws, with independent noise added.

    Arguments as there, and the standard deviation of the noise on each side. With basis functions
    psi_j at the points in a matrix Psi and the variances lambda_j on the diagonal of L, the
    covariances before the noise are Cuu = Psi L Psi^T, Cuv the first dy columns of Psi L^1/2, and
    Cvv the identity.
    """
    basis, variances = _basis(features[0], inverse_length, smoothness, modes)
    scaled = basis * np.sqrt(variances)
    clean = Covariances(scaled @ scaled.T, np.eye(features[1]), scaled[:, : features[1]])
    return clean.with_noise(noise)


def simulate_process(
    *,
    pairs: int,
    features: tuple[int, int],
    inverse_length: float,
    smoothness: float,
    modes: int,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw a Gaussian process seen at a few points, and its first coefficients.

    The process of arXiv 2505.24134, Section 6.1: on the interval from 0 to 1,
    ``w(x) = sum_j sqrt(lambda_j) xi_j cos(j pi x)`` with independent standard normal xi_j and
    ``lambda_j = (j^2 pi^2 + tau^2)^-alpha`` (equation 56).

    Parameters
    ----------
    pairs : int
        Draws of the process.
    features : tuple of two int
        Points at which w is seen, evenly spaced from 0 to 1, and how many of the first xi_j are
        its partner.
    inverse_length, smoothness : float
        tau and alpha.
    modes : int
        Terms of the sum.
    seed : int
        Source of all randomness.

    Returns
    -------
    first, second : ndarray of float64, shapes (pairs, features[0]) and (pairs, features[1])
    """
    basis, variances = _basis(features[0], inverse_length, smoothness, modes)
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=(pairs, modes))
    return coefficients * np.sqrt(variances) @ basis.T, coefficients[:, : features[1]]


def _basis(
    points: int, inverse_length: float, smoothness: float, modes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the basis functions at the points, shape (points, modes), and their variances."""
    numbers = np.arange(1, modes + 1)
    basis = np.cos(np.pi * np.outer(np.linspace(0, 1, points), numbers))
    variances = (np.pi**2 * numbers**2 + inverse_length**2) ** -smoothness
    return basis, np.asarray(variances, dtype=np.float64)


def _mixing(rng: np.random.Generator, dimensions: int) -> NDArray[np.float64]:
    """Draw a square map F with the eigenvalues of F F^T between the least and the most variance."""
    before, after = (np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0] for _ in range(2))
    variances = np.geomspace(LEAST_VARIANCE, MOST_VARIANCE, dimensions)
    mixing: NDArray[np.float64] = after * np.sqrt(variances) @ before
    return mixing
