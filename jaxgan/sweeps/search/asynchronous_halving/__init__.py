"""Asynchronous successive halving (ASHA), and Hyperband's brackets of it."""
