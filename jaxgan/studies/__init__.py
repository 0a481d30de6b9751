"""Studies: trials of a sweep trained as populations, scored, and written as rows.

    study = populations.make(data, recipe, panel, devices, steps=1200, ...)
    search = searches.make(study, settings.Search(search="halving"), space, by)
    planning.show(planning.lines(study, search.groups), None)
    rows = search.run()

A *recipe* says all of a GAN and its training in plain names and numbers; a *study* says
what a setting means (`setting -> Recipe`) and what all trials have in common. A trial
is its setting and its seed: its result is the same alone and in any population.

Reading order: `recipes`, `populations`, `planning`; `rounds`, which trains populations
with a decision after each round, and what is decided: `halvings` (asynchronous, and
Hyperband), `synchronous` (successive halving, all compared with all), `evolution` (of
population-based training); `asking` (Optuna); `searches` by name; `specification`, a
sweep as a TOML file.
"""
