"""What the rows of a sweep say: per setting, per method, per hyperparameter.

`summaries` of a setting's seeds, `statistics` of methods of which many settings were
tried, `importance` of hyperparameters, and `comparisons`, which puts them together.
"""
