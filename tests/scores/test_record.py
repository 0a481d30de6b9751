import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import scores


def make(value):
    return scores.Score(
        value=value, ceiling=2 * value, protocol=scores.protocol(name="x", n=3)
    )


def test_a_score_comes_out_of_jit_and_vmap_with_its_protocol():
    score = jax.jit(jax.vmap(make))(jnp.arange(3.0))
    np.testing.assert_array_equal(score.value, [0, 1, 2])
    np.testing.assert_array_equal(score.ceiling, [0, 2, 4])
    assert score.spread is None
    assert score.protocol == (("name", "x"), ("n", 3))


def test_the_protocol_is_no_leaf():
    assert len(jax.tree.leaves(make(jnp.ones(())))) == 2


def test_a_protocol_is_hashable_whatever_numbers_it_was_given():
    built = scores.protocol(n=np.int64(3), sizes=[1, np.float32(0.5)], rule="box")
    assert hash(built) == hash((("n", 3), ("sizes", (1, 0.5)), ("rule", "box")))
    assert all(type(value) is not np.int64 for _, value in built)


def test_to_dict_is_plain_json():
    stacked = jax.vmap(make)(jnp.arange(2.0))
    plain = scores.to_dict(stacked)
    assert json.loads(json.dumps(plain)) == plain
    assert plain["value"] == [0.0, 1.0]
    assert plain["spread"] is None
    assert plain["protocol"] == {"name": "x", "n": 3}


def test_a_score_is_frozen():
    with pytest.raises(AttributeError):
        make(jnp.ones(())).value = 2
