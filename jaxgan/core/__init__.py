"""What everything stands on: errors, files, signals, keys, precision, decompositions.

The modules are imported one by one, as some of them do without JAX. `distributed` makes
several processes work as one.
"""
