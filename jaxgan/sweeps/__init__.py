"""Hundreds of settings compared in a handful of compiled programs.

A *space* says what varies, a *design* draws settings from it, a *trial* is a setting
with a seed, and *groups* hold trials of equal structure, each of which is trained as
one population. A *recipe* says all of a GAN and its training in plain names and
numbers, and a *study* what a setting means and what all trials have in common:

    space = {"learning_rate": spaces.LogUniform(1e-5, 1e-2),
             "loss": spaces.Categorical(("hinge", "least_squares"))}
    recipe = functools.partial(recipes.changed, recipes.Recipe())
    study = studies.make(data, recipe, suite, devices, steps=1200, ...)
    search = by_name.make(study, settings.Search(search="halving"), space, by)
    estimates.show(estimates.lines(study, search.groups), None)
    rows = search.run()
    page.save(folder, rows, comparisons.View("score.frechet_distance"), ...)

A trial's result is the same alone and in any population. Reading order: `fields`,
`spaces`, `designs`, `trials`, `plans` and `records`, which train nothing; `recipes`,
`programs`, `studies` and `estimates`; `search/`, a folder for each
search; `specification`, a sweep as a TOML file; `analysis/`, what was found, and
`samples` and `page/`, which show it. The modules are imported one by one, as some of
them do without JAX.
"""
