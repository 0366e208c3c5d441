"""What surrounds a computation: logs, locks, atomic files, checkpoints, tables, provenance."""
