"""What a person should know about given features, and the options that do not go with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sharedim.errors import InputError
from sharedim.io.modalities import CELLS, PROTEIN, RNA
from sharedim.preprocessing.options import FeatureOptions
from sharedim.preprocessing.precomputed import PREDICTED_COLUMNS, noise_of, repeated_rows

if TYPE_CHECKING:
    from sharedim.io.paired import PairedCells

FOR_FEATURES = ("feature_scaling", "feature_noise", "repeated_noise")
FOR_COUNTS = ("harmony", "variable_genes_by_batch")


def refuse_options(cells: PairedCells, options: Mapping[str, object]) -> None:
    """Refuse options for counts where there are features, and the other way round.

    Raises
    ------
    InputError
        Naming the option.
    """
    if cells.kind == CELLS:
        names, what = FOR_FEATURES, "precomputed features, and these are counts of cells"
    else:
        names, what = FOR_COUNTS, "counts of cells, and these are precomputed features"
    plain = vars(FeatureOptions())
    for name in names:
        value = options.get(name)
        if value not in (None, plain[name], [0, 0]):
            raise InputError(f"{cells.where}: {name} is for {what}; leave it out for this dataset")


def feature_notes(cells: PairedCells, options: Mapping[str, object]) -> list[str]:
    """Say what matching cannot do with these features, and which columns are predicted.

    Parameters
    ----------
    cells : PairedCells
        Of the kind ``"features"``.
    options : dict
        Of `sharedim.preprocessing.options.FeatureOptions`, those that were said.
    """
    chosen = FeatureOptions(**{key: v for key, v in options.items() if v is not None})
    notes = []
    for data, kind, noise in zip(
        (cells.rna, cells.prot), (RNA, PROTEIN), noise_of(chosen), strict=True
    ):
        if data.n_vars == 1:
            notes.append(
                f"{cells.words[kind]} has one column: linear maps of it cannot single out a partner, "
                "since an inner product prefers extremes and a cosine knows a sign only. Matching then "
                "stays near chance whatever is shared; look at FOSCTTM and label transfer."
            )
        repeated = 0 if noise or chosen.repeated_noise else len(repeated_rows(data.X))
        if repeated:
            notes.append(
                f"{cells.words[kind]}: {repeated:,} of {data.n_obs:,} pairs have features that another "
                "pair has too; among them a partner cannot be told, and a dimension estimated from "
                "distances leaves them out (repeated_noise=0.1 tells them apart, as in the paper)."
            )
    if cells.prot.n_vars > PREDICTED_COLUMNS:
        notes.append(
            f"Of the {cells.prot.n_vars:,} columns of {cells.words[PROTEIN]} the {PREDICTED_COLUMNS} "
            "that vary most are predicted."
        )
    return notes
