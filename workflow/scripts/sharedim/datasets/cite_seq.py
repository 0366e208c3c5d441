"""Simulated CITE-seq counts, or features, with a known number of shared dimensions."""

from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

# Curved maps of simulated features: how many couplings, how large and how steep each is.
COUPLINGS, BEND, STEEPNESS = 3, 1.5, 1.5


def simulate_cite_seq(
    *,
    cells: int = 3000,
    genes: int = 1000,
    proteins: int = 25,
    shared_dimensions: int = 3,
    private_dimensions_rna: int = 5,
    private_dimensions_protein: int = 2,
    seed: int = 0,
) -> mudata.MuData:
    """Simulate counts of RNA and surface protein in the same cells.

    Each cell has shared latent coordinates z, around the centre of its cell type, and private
    ones in each modality, all standard normal in distribution over the cells. Log expression is
    linear in the modality's coordinates, and counts are negative binomial around
    ``depth * expression``; protein counts have an ambient background added before sampling.

    Parameters
    ----------
    cells, genes, proteins : int
        Sizes.
    shared_dimensions : int
        The known answer k*; 0 makes two unrelated modalities.
    private_dimensions_rna, private_dimensions_protein : int
        Latent dimensions that only one modality has.
    seed : int
        Source of all randomness.

    Returns
    -------
    MuData
        ``rna`` and ``prot`` with raw counts; ``obs`` with ``celltype.l1`` and ``celltype.l2``;
        the truth in ``uns["simulation"]`` and the latent coordinates in ``obsm``.
    """
    rng = np.random.default_rng(seed)
    shared, coarse, fine = _shared_latents(rng, cells, shared_dimensions)
    private_rna = rng.normal(size=(cells, private_dimensions_rna))
    private_prot = rng.normal(size=(cells, private_dimensions_protein))

    rna = _rna_counts(rng, np.hstack([shared, private_rna]), genes)
    prot = _protein_counts(rng, np.hstack([shared, private_prot]), proteins)

    names = pd.Index([f"cell{i:05d}" for i in range(cells)])
    modalities = {
        "rna": AnnData(
            X=sparse.csr_matrix(rna),
            obs=pd.DataFrame(index=names),
            var=pd.DataFrame(index=[f"gene{i:04d}" for i in range(genes)]),
        ),
        "prot": AnnData(
            X=sparse.csr_matrix(prot),
            obs=pd.DataFrame(index=names),
            var=pd.DataFrame(index=[f"protein{i:02d}" for i in range(proteins)]),
        ),
    }
    # The new default of mudata: a modality's own columns stay in the modality.
    with mudata.set_options(pull_on_update=False):
        data = mudata.MuData(modalities)
    data.obs["celltype.l1"] = pd.Categorical(coarse)
    data.obs["celltype.l2"] = pd.Categorical(fine)
    data.obsm["shared_latents"] = shared
    data["rna"].obsm["private_latents"] = private_rna
    data["prot"].obsm["private_latents"] = private_prot
    data.uns["simulation"] = {
        "shared_dimensions": shared_dimensions,
        "private_dimensions_rna": private_dimensions_rna,
        "private_dimensions_protein": private_dimensions_protein,
        "seed": seed,
    }
    return data


def simulate_features(
    *,
    cells: int,
    shared_dimensions: int,
    curved: bool,
    noise: float = 0.3,
    features: tuple[int, int] = (60, 24),
    private_dimensions: tuple[int, int] = (5, 2),
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Simulate the features of two modalities as noisy images of latent coordinates.

    Each modality has the shared coordinates and its own private ones, all standard normal. They
    are mapped into its features linearly, or by smooth maps that can be inverted first, so that the
    dimension stays what it was. Independent noise is added to every feature.

    Parameters
    ----------
    cells : int
        Pairs.
    shared_dimensions : int
        The known answer k*.
    curved : bool
        Whether the maps are nonlinear.
    noise : float
        Standard deviation of the noise, where features have one of 1 without it.
    features : tuple of two int
        Features of RNA and of protein.
    private_dimensions : tuple of two int
        Latent dimensions that only RNA has, and only protein.
    seed : int
        Source of all randomness.

    Returns
    -------
    rna, prot : ndarray of float32, shapes (cells, features[0]) and (cells, features[1])
    """
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(cells, shared_dimensions))
    modalities = []
    for width, private in zip(features, private_dimensions, strict=True):
        latents = np.hstack([shared, rng.normal(size=(cells, private))])
        if curved:
            latents = _bent(rng, latents)
        image = latents @ rng.normal(size=(latents.shape[1], width))
        image = (image - image.mean(axis=0)) / image.std(axis=0)
        image += noise * rng.normal(size=image.shape)
        modalities.append(image.astype(np.float32))
    return modalities[0], modalities[1]


def _bent(rng: np.random.Generator, latents: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pass coordinates through smooth, strongly nonlinear maps that can be inverted.

    After a random rotation, a nonlinear function of the first half of the coordinates is added to
    the second half, from which it can be subtracted again (Dinh et al. 2015).
    """
    dimensions = latents.shape[1]
    half, width = dimensions // 2, 16
    for _ in range(COUPLINGS):
        rotation, _ = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))
        latents = latents @ rotation
        inner, shift = rng.normal(size=(half, width)) / np.sqrt(half), rng.normal(size=width)
        outer = rng.normal(size=(width, dimensions - half)) / np.sqrt(width)
        latents[:, half:] += BEND * np.tanh(STEEPNESS * latents[:, :half] @ inner + shift) @ outer
    return latents


def _shared_latents(
    rng: np.random.Generator, cells: int, dimensions: int
) -> tuple[NDArray[np.float64], NDArray[np.str_], NDArray[np.str_]]:
    """Draw shared coordinates around the centres of 4 types with 3 subtypes each."""
    lineages, subtypes = 4, 3
    lineage_centres = rng.normal(scale=0.8, size=(lineages, dimensions))
    centres = np.repeat(lineage_centres, subtypes, axis=0)
    centres = centres + rng.normal(scale=0.45, size=centres.shape)
    shares = rng.dirichlet(np.full(lineages * subtypes, 5.0))
    types = rng.choice(lineages * subtypes, size=cells, p=shares)
    latents = centres[types] + rng.normal(scale=0.6, size=(cells, dimensions))
    # Whitening keeps every shared coordinate equally strong, so that k* is no matter of degree.
    latents = latents - latents.mean(axis=0)
    if dimensions:
        axes, _, _ = np.linalg.svd(latents, full_matrices=False)
        latents = axes * np.sqrt(cells)
    coarse = np.array([f"type {t // subtypes + 1}" for t in types])
    fine = np.array([f"type {t // subtypes + 1}{'abc'[t % subtypes]}" for t in types])
    return latents, coarse, fine


def _negative_binomial(
    rng: np.random.Generator, mean: NDArray[np.float64], dispersion: float
) -> NDArray[np.int32]:
    """Draw counts with variance ``mean + dispersion * mean**2``, as a gamma-Poisson mixture."""
    rate = rng.gamma(shape=1 / dispersion, scale=dispersion * mean)
    return rng.poisson(rate).astype(np.int32)


def _rna_counts(
    rng: np.random.Generator, latents: NDArray[np.float64], genes: int
) -> NDArray[np.int32]:
    cells, dimensions = latents.shape
    loadings = rng.normal(scale=0.5 / np.sqrt(dimensions), size=(dimensions, genes))
    log_expression = rng.normal(scale=1.2, size=genes) + latents @ loadings
    expression = np.exp(log_expression)
    fractions = expression / expression.sum(axis=1, keepdims=True)
    depth = rng.lognormal(mean=np.log(1500), sigma=0.35, size=(cells, 1))
    return _negative_binomial(rng, depth * fractions, dispersion=0.2)


def _protein_counts(
    rng: np.random.Generator, latents: NDArray[np.float64], proteins: int
) -> NDArray[np.int32]:
    cells, dimensions = latents.shape
    loadings = rng.normal(scale=0.9 / np.sqrt(dimensions), size=(dimensions, proteins))
    foreground = np.exp(rng.normal(loc=4.5, scale=0.7, size=proteins) + latents @ loadings)
    background = rng.lognormal(mean=2.5, sigma=0.4, size=proteins)
    capture = rng.lognormal(mean=0.0, sigma=0.35, size=(cells, 1))
    return _negative_binomial(rng, capture * (foreground + background), dispersion=0.05)
