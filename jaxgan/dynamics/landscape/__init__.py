"""The gradient field near a state: products with J, eigenvalues, verdicts, paths."""
