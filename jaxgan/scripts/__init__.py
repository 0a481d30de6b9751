"""What the scripts of `experiments/` share, from the command line to the page.

Reading order: `cli`, the edge to the user, and `settings`, whose fields are flags;
`from_settings`, which makes data, networks and method of them; `run_folders`, where a
run is kept. Then what a script does with these: an ensemble in several ways
(`mode_partitions`, `ensemble_experiments`, `ensemble_arms`, `ensemble_comparison`,
`ensemble_reports`), one GAN from several seeds (`replicate_runs`, whose `Kind` says of
which data, `replicates`, `replicate_training`, `replicate_grids`,
`replicate_reports`, and `texts` for sequences), and samples that are scored (`scoring`,
`scoring_pictures`). The modules are imported one by one, so that `--help` does without
JAX.
"""
