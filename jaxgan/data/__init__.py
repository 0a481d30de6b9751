"""Datasets, their modes, and how a training step draws from them.

Reading order: `dataset`, any of them by its name, and where each comes from: `mixtures`
and `polygons`, which are drawn; `digits`; `archives` (MNIST, CIFAR-10), `builders` and
`fetching`; `tfds`; `own`, files and folders of a user; `sequences` of symbols, from
`texts`, `grammars` and `oracles`. Then `modes` of a dataset;
`pool`, `sampling` and `streaming`, by which steps draw batches; and `samples`, read in
parts to be scored. The modules are imported one by one, as some of them do without JAX.
"""
