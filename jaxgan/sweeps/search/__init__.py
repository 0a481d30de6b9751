"""Searches: which settings a sweep tries, and for how long.

Each has a folder with its *rule*, pure functions of scores, and its *driver*, which
trains populations by it; `by_name` makes each of them from flags. Grids and draws,
whose trials all train to the end, are in `sweeps.designs`. `rounds` trains populations
with a decision after each round, which all drivers but Optuna's share.
"""
