"""Contrastive encoders, trained as stacks."""
