"""Services around a computation: logs, locks, atomic files, checkpoints, tables, provenance."""

__all__ = [
    # Around a job.
    "job_log",
    "progress",
    # Files that pass between jobs.
    "files",
    "tables",
    # Trained models, and the record of their making.
    "checkpoints",
    "provenance",
]
