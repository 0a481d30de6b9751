"""Studies: trials of a sweep trained as populations, scored, and written as rows.

    study = populations.Study(data, recipe, scoring, devices, steps, samples, folder...)
    for group in plans.remaining(groups, records.read(journal)):
        rows = populations.train(study, group)

A *recipe* says all of a GAN and its training in plain names and numbers; a *study* says
what a setting means (`setting -> Recipe`) and what all trials have in common. A trial
is its setting and its seed: its result is the same alone and in any population.

Reading order: `recipes`, `populations`.
"""
