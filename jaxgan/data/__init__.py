"""Datasets, their modes, and how a training step draws from them."""
