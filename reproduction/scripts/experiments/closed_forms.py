"""Closed forms of contrastive learning on Gaussian pairs (Baptista, Stuart and Tran, arXiv 2505.24134).

A model tilts the product of the marginals: its density of a pair is ``p(x) p(y) exp(s(x, y))``,
normalised, s being similarity over temperature. With linear encoders ``f(x) = G x`` and
``g(y) = H y`` that are not normalised, s is ``x^T A y`` where inner products compare, A = G^T H; and
``x^T A y - x^T B x / 2 - y^T D y / 2``, with B = G^T G and D = H^T H, where Euclidean distances do.
All that training can reach follows from the canonical pairs of the covariances: in their
coordinates every optimum is diagonal, and at rank r it keeps the first r of them. With weights
sqrt(S), ``sharedim.training.cca.CanonicalPairs.weights`` is the optimum of the two-sided loss: the
baseline ``cca``.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from sharedim.training.cca import PairedCovariance

Side = Literal["x", "y"]


class Tilt(NamedTuple):
    """What s is made of: ``x^T cross y - x^T x_square x / 2 - y^T y_square y / 2``, and linear terms.

    Attributes
    ----------
    cross : ndarray, shape (dx, dy)
        A.
    x_square : ndarray, shape (dx, dx)
        B.
    y_square : ndarray, shape (dy, dy)
        D.
    x_linear, y_linear : ndarray, shapes (dx,) and (dy,)
        ``x^T x_linear + y^T y_linear`` is added.
    """

    cross: np.ndarray
    x_square: np.ndarray
    y_square: np.ndarray
    x_linear: np.ndarray
    y_linear: np.ndarray

    @classmethod
    def centred(cls, cross: np.ndarray, x_square: np.ndarray | None = None) -> Tilt:
        """Return a tilt without linear terms and without a square in y."""
        dx, dy = cross.shape
        x_square = np.zeros((dx, dx)) if x_square is None else x_square
        return cls(cross, x_square, np.zeros((dy, dy)), np.zeros(dx), np.zeros(dy))

    @property
    def swapped(self) -> Tilt:
        """The same with the second modality as the first."""
        return Tilt(self.cross.T, self.y_square, self.x_square, self.y_linear, self.x_linear)


class Conditional(NamedTuple):
    """A Gaussian distribution of one modality given the other.

    Attributes
    ----------
    matrix : ndarray, shape (d, d of the other)
    offset : ndarray, shape (d,)
        The mean given y is ``offset + matrix @ y``.
    covariance : ndarray, shape (d, d)
        The same for every y.
    """

    matrix: np.ndarray
    offset: np.ndarray
    covariance: np.ndarray

    def means(self, given: np.ndarray) -> np.ndarray:
        """Return the mean given each of n cells, shape (n, d of the other), as (n, d)."""
        return self.offset + given @ self.matrix.T


def joint_strength(correlations: np.ndarray) -> np.ndarray:
    """Return ``h(s) = (sqrt(1 + 4 s^2) - 1) / (2 s)``, by which the joint loss weights; 0 at 0."""
    # The same without dividing by s.
    return 2 * correlations / (np.sqrt(1 + 4 * correlations**2) + 1)


def optimal_tilt(
    covariance: PairedCovariance,
    *,
    loss: str = "two_sided",
    similarity: str = "unnormalised",
    rank: int | None = None,
) -> Tilt:
    """Return what linear encoders reach at the optimum of a population loss at temperature 1.

    In canonical coordinates, s being the correlations:

    - two-sided, or one-sided, of inner products: ``A = s``. Conditional means are exact,
      conditional covariances are the marginal ones, hence too large;
    - one-sided of Euclidean distances: ``A = s / (1 - s^2)`` and ``B = s^2 / (1 - s^2)``, B in the
      modality that is found given the other: the exact conditional. What the square of the other
      modality is makes no difference to this loss; it is left out;
    - joint, of inner products: ``A = h(s)``, see `joint_strength`.

    Parameters
    ----------
    covariance : PairedCovariance
        Of the population, or of the training cells; both covariances of full rank.
    loss : str
        As in `sharedim.training.losses.infonce`, x being RNA: ``"prot_to_rna"`` finds x given y.
    similarity : str
        ``"unnormalised"`` or ``"unnormalised_euclidean"``.
    rank : int, optional
        Output dimension d of the encoders; None for as many as there are.

    Raises
    ------
    ValueError
        If there is no closed form: for Euclidean distances under the two-sided and joint losses.
    """
    pairs = covariance.canonical_pairs()
    s = pairs.correlations
    kept = len(s) if rank is None else rank
    if similarity == "unnormalised":
        g, h = pairs.weights(kept, np.sqrt(joint_strength(s) if loss == "joint" else s))
        return Tilt.centred(g.T @ h)
    if similarity != "unnormalised_euclidean" or loss not in ("prot_to_rna", "rna_to_prot"):
        raise ValueError(f"no closed form for similarity {similarity} with loss {loss}")
    g, h = pairs.weights(kept, np.sqrt(s / (1 - s**2)))
    own = pairs.weights(kept, s / np.sqrt(1 - s**2))
    if loss == "prot_to_rna":
        return Tilt.centred(g.T @ h, own[0].T @ own[0])
    return Tilt.centred(h.T @ g, own[1].T @ own[1]).swapped


def exact_conditional(covariance: PairedCovariance, of: Side = "x") -> Conditional:
    """Return the distribution of one modality given the other."""
    if of == "y":
        return exact_conditional(covariance.swapped)
    matrix = np.linalg.solve(covariance.y, covariance.cross.T).T
    offset = covariance.x_mean - matrix @ covariance.y_mean
    return Conditional(matrix, offset, covariance.x - matrix @ covariance.cross.T)


def model_conditional(covariance: PairedCovariance, tilt: Tilt, of: Side = "x") -> Conditional:
    """Return the distribution of one modality given the other that a model stands for.

    Parameters
    ----------
    covariance : PairedCovariance
        Only the marginal of the modality asked for has a part.
    tilt : Tilt
        Of the model.
    of : str
        ``"x"`` given y, or ``"y"`` given x.
    """
    if of == "y":
        return model_conditional(covariance.swapped, tilt.swapped)
    own = np.linalg.inv(covariance.x)
    spread = np.linalg.inv(own + tilt.x_square)
    offset = spread @ (own @ covariance.x_mean + tilt.x_linear)
    return Conditional(spread @ tilt.cross, offset, spread)


def model_covariance(covariance: PairedCovariance, tilt: Tilt) -> PairedCovariance:
    """Return the covariances of the pairs that a centred model stands for; its marginals among them.

    Raises
    ------
    ValueError
        If the tilt is too strong: its density has no finite integral.
    """
    dx = len(covariance.x)
    precision = np.block([
        [np.linalg.inv(covariance.x) + tilt.x_square, -tilt.cross],
        [-tilt.cross.T, np.linalg.inv(covariance.y) + tilt.y_square],
    ])  # fmt: skip
    if np.linalg.eigvalsh(precision)[0] <= 0:
        raise ValueError("the tilt is too strong: the model's density has no finite integral")
    return PairedCovariance.of_joint(np.linalg.inv(precision), dx)


def mean_error(covariance: PairedCovariance, found: Conditional, of: Side = "x") -> float:
    """Return the expected squared distance of a conditional mean from the exact one.

    Parameters
    ----------
    covariance : PairedCovariance
        Of the population that cells are drawn from.
    found : Conditional
        Of the modality asked for.
    of : str
        ``"x"`` given y, or ``"y"`` given x.
    """
    exact = exact_conditional(covariance, of)
    given, mean = (
        (covariance.y, covariance.y_mean) if of == "x" else (covariance.x, covariance.x_mean)
    )
    matrix = found.matrix - exact.matrix
    bias = found.offset - exact.offset + matrix @ mean
    return float(np.trace(matrix @ given @ matrix.T) + bias @ bias)


def relative_error(found: np.ndarray, exact: np.ndarray) -> float:
    """Return the Frobenius norm of a difference over that of what is exact."""
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))
