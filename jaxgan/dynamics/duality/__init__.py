"""What each player would gain by moving alone: best responses and duality gaps."""
