"""What the scripts of `experiments/` share, from the command line to the page.

Reading order: `cli`, the edge to the user, and `settings`, whose fields are flags;
`from_settings`, which makes data, networks and method of them; `ensemble_arms`,
`replicates` and `scoring`, what a script does with these. The modules are imported one
by one, so that `--help` does without JAX.
"""
