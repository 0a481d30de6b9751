"""The members of a population play one another: payoffs, mixtures, double oracle."""
