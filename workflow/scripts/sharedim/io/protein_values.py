"""Protein values of a file: raw counts, values transformed before, or counts denoised on reading."""

from __future__ import annotations

import warnings
from types import ModuleType

# The ``protein_transform`` that denoises counts against empty droplets while they are read.
FROM_DROPLETS = "dsb_from_droplets"
# Those after which protein values are no counts.
TRANSFORMED = ("dsb", "none", FROM_DROPLETS)
# The one of a model of precomputed features: both modalities are read as they are.
AS_GIVEN = "as_given"
# Isotype controls by the names antibody panels give them; "IgG" alone may be a true marker.
ISOTYPE_CONTROLS = (
    r"(?i)isotype|(?<![a-z])(mouse|ms|rat|rag|hamster)[-_. ]*ig[gm]"
    r"|(?<![a-z])m?igg[12][abc]?k?(?![a-z0-9])"
)


def muon_proteins() -> ModuleType:
    """Return ``muon.prot``, whose import takes seconds that only jobs with proteins should wait for."""
    with warnings.catch_warnings():
        # It reads the versions of others in a way that is going out of use.
        warnings.simplefilter("ignore", FutureWarning)
        from muon import prot
    proteins: ModuleType = prot
    return proteins
