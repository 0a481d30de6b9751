"""Optuna, asked for many settings at once, which train as populations."""
