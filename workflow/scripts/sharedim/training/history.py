"""Quantities that are recorded of every model along training."""

from __future__ import annotations

HISTORY = (
    # Means over the steps of the epoch: the loss of the batch in nats, and the temperature.
    "loss",
    "temperature",
    # On normaliser cells, whose pairs are never trained on; see `sharedim.training.monitoring.evaluate`.
    "held_out_loss",
    "held_out_foscttm",
    "alignment",
    "norm_mean_rna",
    "norm_spread_rna",
    "norm_mean_prot",
    "norm_spread_prot",
    # Intrinsic dimension by maximum likelihood, of the same cells; in every so many epochs.
    "id_rna",
    "id_prot",
)
