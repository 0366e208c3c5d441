"""The experiments of the paper and of the theory: what was expected, and what a run found."""
