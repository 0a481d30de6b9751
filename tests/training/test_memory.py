"""Tests of jaxgan.training.memory and of the dry run."""

import jax
import numpy as np
import pytest

from jaxgan import gan as gan_lib
from jaxgan import population, reports, runs, types
from jaxgan.core import errors
from jaxgan.data import pool
from jaxgan.scripts import from_settings
from jaxgan.training import memory, methods

ADAM = {"learning_rate": 1e-3, "b1": 0.5, "b2": 0.99}
DATA = pool.put(np.zeros((64, 2), np.float32))
FREE = 50_000_000


@pytest.fixture(scope="module")
def trainer():
    method = methods.Method("hinge", {}, types.Pair(ADAM, ADAM), 0.9)
    networks = gan_lib.mlp((2,), hidden=(64, 64), latent_dim=2)
    made = methods.make(networks, method)
    return runs.trainer(made, 8, made.hparams, DATA, population.chunks(4))


@pytest.fixture
def little(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: (FREE, True))


def need(trainer, num_members):
    made = trainer.made
    return memory.need(
        trainer.program, made.initialise, made.hparams, DATA, num_members
    )


@pytest.fixture(scope="module")
def few_and_many(trainer):
    return need(trainer, 8), need(trainer, 24)


def test_a_member_takes_at_least_its_state_and_not_much_more(trainer, few_and_many):
    few, many = few_and_many
    state = jax.eval_shape(
        trainer.made.initialise, trainer.made.hparams, jax.random.key(0)
    )
    own = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state))
    assert own <= memory.member_bytes(few, many) <= 4 * own
    assert few.state_bytes >= 8 * own + DATA.x.nbytes


def test_the_largest_population_fits_and_one_that_is_larger_does_not(
    trainer, few_and_many, little
):
    largest = memory.largest(*few_and_many)
    assert memory.fits(need(trainer, int(0.98 * largest)))
    assert not memory.fits(need(trainer, int(1.1 * largest)))


def test_a_population_that_does_not_fit_is_refused_before_it_is_made(trainer, little):
    hparams = population.broadcast(trainer.made.hparams, 10_000)
    with pytest.raises(errors.UserError, match="at most [0-9]+ members") as error:
        runs.begin(trainer, hparams, jax.random.key(0), DATA)
    assert "50 MB are free" in str(error.value)


def test_the_first_program_that_fits_is_taken(trainer, little):
    made = trainer.made
    hparams = population.broadcast(made.hparams, 100)
    whole, small = (
        runs.trainer(made, 4096, made.hparams, DATA, mapper)
        for mapper in (population.vmap, population.chunks(2))
    )
    assert runs.first_that_fits([whole, small], hparams, DATA) is small
    assert runs.first_that_fits([small, whole], hparams, DATA) is small
    assert runs.first_that_fits([whole], hparams, DATA) is whole


def test_a_dry_run_says_what_a_population_takes(trainer):
    facts = runs.dry_run(trainer, population.broadcast(trainer.made.hparams, 5), DATA)
    layers = [(2, 64), (64, 64), (64, 2), (2, 64), (64, 64), (64, 1)]
    expected = sum(inputs * outputs + outputs for inputs, outputs in layers)
    assert facts["parameters of a member"] == expected
    assert facts["members"] == facts["members of the probe"] == 5
    assert reports.cell(facts["memory of a member"]).split()[1] in ("kB", "MB")
    assert reports.cell(facts["free memory"]).split()[1] in ("MB", "GB", "TB")
    assert facts["member-steps/s"] > 0 and facts["FLOPs per member-step"] > expected


def test_a_machine_has_memory():
    free, _ = memory.available()
    assert 1e6 < free < 1e15


def test_a_folder_of_programs_that_others_can_write_to_is_refused(
    tmp_path, monkeypatch
):
    given = {}
    monkeypatch.setattr(jax.config, "update", given.__setitem__)
    folder = tmp_path / "programs"
    from_settings.compilation_cache(folder)
    assert given["jax_compilation_cache_dir"] == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o770)
    given.clear()
    with pytest.raises(errors.UserError, match="--compilation-cache .*run code as you"):
        from_settings.compilation_cache(folder)
    assert not given
