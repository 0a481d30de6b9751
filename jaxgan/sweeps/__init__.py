"""Hundreds of settings compared in a handful of compiled programs.

A *space* says what varies, a *design* draws settings from it, a *trial* is a setting
with a seed, and *groups* hold trials of equal structure, each of which is trained as
one population:

    space = {"learning_rate": spaces.LogUniform(1e-5, 1e-2),
             "loss": spaces.Categorical(("hinge", "least_squares"))}
    settings = designs.draw(space, 24, jax.random.key(0), "sobol")
    groups = plans.make(trials.make(settings, seeds=range(3)), structural=["loss"])
    for group in plans.remaining(groups, records.read(path)):
        records.append(path, rows of the group, trained as a population)
    page.save(folder, records.read(path), comparisons.View("score.frechet_distance"))

Nothing here trains anything. Reading order: `fields`, `spaces`, `designs`, `trials`,
`plans`, `records`; of who trains on `halving` (asynchronous), `successive` and `pbt`;
of what was found `lineages`, `summaries`, `statistics`, `importance` and `comparisons`;
and `samples` and `page`, which shows it. The modules are imported one by one, as some
of them do without JAX.
"""
