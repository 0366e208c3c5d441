"""Services around a computation: logs, locks, atomic files, checkpoints, tables, provenance."""
