"""Several processes and devices as one program.

Reading order: `processes`, which join and agree; `clusters` (Slurm, Open MPI) and
`rendezvous`, by which they find one another; `failure`, by which they end together; and
`placement` of arrays. The modules are imported one by one.
"""
