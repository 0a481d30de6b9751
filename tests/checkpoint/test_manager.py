"""Tests of jaxgan.checkpoint: what is read is what was written, or is not read."""

import collections
import os
import pathlib
import pickle
import re
import shutil
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan
from jaxgan import checkpoint, types
from jaxgan.checkpoint import differences, manifest
from jaxgan.core import errors

DESCRIPTION = {"gan": {"architecture": "mlp", "width": 16}, "loss": "hinge"}


def tree(step, members=3):
    """A population's state with everything that one can hold."""
    random = np.random.default_rng(step)
    layer = {"kernel": random.normal(size=(members, 40, 5)).astype(np.float32)}
    half = jnp.asarray(random.normal(size=(members, 7)), jnp.bfloat16)
    state = types.TrainState(
        np.full(members, step, np.int32),
        types.Pair({"Dense_0": layer}, {"Dense_0": layer, "half": half}),
        types.Pair({}, {"batch_stats": half}),
        types.Pair((layer, ()), None),
        layer,
        np.array([True, False, True])[:members],
    )
    keys = jax.random.split(jax.random.key(step), members)
    return {"state": state, "keys": keys, "sweep": [np.int32(step), (half,)]}


def assert_same(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)


def save(folder, *steps, **options):
    manager = checkpoint.open(folder, **options)
    for step in steps:
        checkpoint.save(manager, step, tree(step), {"at": step}, DESCRIPTION)
    checkpoint.close(manager)


def restore(folder, description=DESCRIPTION, target=None):
    target = tree(0) if target is None else target
    return checkpoint.restore(folder, target, description)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save(folder, 10, 20)
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def test_the_newest_checkpoint_comes_back_bit_by_bit(saved):
    found = restore(saved)
    assert (found.step, found.extra, found.skipped) == (20, {"at": 20}, [])
    assert_same(found.tree, tree(20))


def test_arrays_come_back_where_those_of_the_target_are(saved):
    target = jax.tree.map(jnp.asarray, tree(0))
    found = restore(saved, target=target).tree
    for read, wanted in zip(*map(jax.tree.leaves, (found, target)), strict=True):
        assert read.sharding == wanted.sharding


def test_a_folder_that_is_empty_or_absent_has_no_checkpoint(tmp_path):
    assert restore(tmp_path) is None
    assert restore(tmp_path / "absent") is None


def test_what_is_being_saved_may_be_overwritten_by_the_next_save(tmp_path):
    manager = checkpoint.open(tmp_path)
    for step in (1, 2, 3, 4):
        checkpoint.save(manager, step, tree(step), {}, DESCRIPTION)
    checkpoint.close(manager)
    assert_same(restore(tmp_path).tree, tree(4))
    assert {p.name for p in tmp_path.iterdir() if p.name.isdecimal()} == set("234")


@pytest.mark.parametrize(("best", "kept"), [("max", 9), ("min", 3)])
def test_the_best_are_kept_beside_the_newest(best, kept, tmp_path):
    manager = checkpoint.open(tmp_path, keep=2, best=best)
    for step, score in ((3, -5.0), (9, 5.0), (11, 0.2), (12, 0.1), (13, 0.3)):
        checkpoint.save(manager, step, tree(step), {}, DESCRIPTION, score=score)
    checkpoint.close(manager)
    names = {int(p.name) for p in tmp_path.iterdir() if p.name.isdecimal()}
    assert {kept, 12, 13} <= names and len(names) <= 4
    assert restore(tmp_path).step == 13


def damage(path, random):
    """Flips a bit of a file, or cuts off its end."""
    data = bytearray(path.read_bytes())
    if random.random() < 0.7:
        place = int(random.integers(8 * len(data)))
        data[place // 8] ^= 1 << place % 8
    else:
        data = data[: int(random.integers(len(data)))]
    path.write_bytes(data)


@pytest.mark.parametrize("times", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_every_damage_is_noticed_and_the_checkpoint_before_it_read(times, copy):
    newest = copy / "20"
    kept = shutil.copytree(newest, copy.parent / "kept")
    whole = [p for p in newest.rglob("*") if p.is_file() and p.stat().st_size]
    random = np.random.default_rng()
    kinds = collections.Counter()
    for i in range(times):
        path = whole[i % len(whole)]
        damage(path, random)
        found = restore(copy)
        assert found.step == 10
        assert_same(found.tree, tree(10))
        (sentence,) = found.skipped
        assert str(newest) in sentence and path.name in sentence
        kinds[path.name] += 1
        shutil.copyfile(kept / path.relative_to(newest), path)
    assert restore(copy).step == 20
    assert manifest.NAME in kinds or times < len(whole)


def written(folder, **changed):
    """A checkpoint of a manifest alone."""
    nothing = dict.fromkeys(("versions", "description", "extra", "arrays"), {})
    folder.mkdir()
    manifest.write(folder, {"step": 7} | nothing | changed)


def test_no_bit_of_a_manifest_flips_unnoticed(tmp_path):
    # An exponent's letter and that of an escape mean the same in either case.
    extra = {"rate": 1e-05, "note": "\N{LATIN SMALL LETTER E WITH ACUTE}"}
    written(tmp_path / "7", extra=extra)
    path = tmp_path / "7" / manifest.NAME
    whole = path.read_bytes()
    assert manifest.read(tmp_path / "7")["extra"] == extra
    for place in range(8 * len(whole)):
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)
        with pytest.raises(manifest.Damaged):
            manifest.read(tmp_path / "7")


@pytest.mark.parametrize("changed", [{"step": None}, {"arrays": []}, {"step": 8}])
def test_a_forged_manifest_is_damaged(changed, tmp_path):
    written(tmp_path / "7", **changed)
    with pytest.raises(manifest.Damaged, match=next(iter(changed))):
        manifest.read(tmp_path / "7")


def test_a_checkpoint_of_another_schema_is_neither_read_nor_passed_over(
    copy, monkeypatch
):
    monkeypatch.setattr(manifest, "SCHEMA", 2)
    save(copy.parent / "newer", 30)
    shutil.move(copy.parent / "newer" / "30", copy / "30")
    monkeypatch.undo()
    for use in (restore, checkpoint.open):
        with pytest.raises(errors.UserError, match="30 is .* schema 2, .* reads sch"):
            use(copy)
    assert {p.name for p in copy.iterdir()} == {"10", "20", "30"}


def test_a_manifest_nested_without_end_is_damaged(tmp_path):
    (tmp_path / manifest.NAME).write_text("[" * 200_000)
    with pytest.raises(manifest.Damaged, match="cannot be read"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("what", ["missing", "added", "manifest", "empty", "partial"])
def test_what_is_not_whole_never_hides_a_good_checkpoint(what, copy):
    newest = copy / "20"
    if what == "missing":
        next(p for p in (newest / "default").rglob("*") if p.is_file()).unlink()
    elif what == "added":
        (newest / "default" / "more").write_text("x")
    elif what == "manifest":
        (newest / manifest.NAME).unlink()
    elif what == "empty":
        shutil.rmtree(newest)
        (copy / "30" / "state").mkdir(parents=True)
    else:
        os.rename(newest, copy / "20.orbax-checkpoint-tmp")
    found = restore(copy)
    assert found.step == 10
    assert len(found.skipped) == (what != "partial")


STRANGERS = (
    *(".DS_Store", "._manifest.json", "Thumbs.db", "desktop.ini", ".nfs00000000a1"),
    *("_METADATA~", "#_METADATA#", "._METADATA.swp", ".Trash-1000/files/x"),
)


@pytest.mark.parametrize("name", STRANGERS)
def test_files_that_others_leave_are_no_damage(name, copy):
    places = [copy, copy / "20", copy / "20" / "default", copy / "20" / "default" / "d"]
    for place in places:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("x")
    found = restore(copy)
    assert (found.step, found.skipped) == (20, [])
    assert_same(found.tree, tree(20))
    save(copy, 30)
    assert restore(copy).step == 30 and (copy / "20" / name).exists()
    assert not list(copy.glob("unusable*"))


def test_what_lies_beside_the_data_is_no_damage_and_hides_none(copy):
    (copy / "20" / "notes.txt").write_text("the good one")
    assert restore(copy).step == 20
    (copy / "20" / "default" / "_METADATA").unlink()
    assert restore(copy).step == 10


def test_what_others_leave_while_a_checkpoint_is_written_may_change(tmp_path):
    written(tmp_path / "7")
    (tmp_path / "7" / manifest.NAME).unlink()
    (tmp_path / "7" / ".DS_Store").write_text("one")
    (tmp_path / "7" / "data").write_text("one")
    about = dict.fromkeys(("versions", "description", "extra", "arrays"), {})
    manifest.write(tmp_path / "7", {"step": 7} | about)
    (tmp_path / "7" / ".DS_Store").write_text("two")
    assert list(manifest.read(tmp_path / "7")["files"]) == ["data"]


def test_a_run_saves_again_the_step_that_was_damaged_and_keeps_the_old(copy, capsys):
    (copy / "20" / manifest.NAME).unlink()
    save(copy, 20)
    assert restore(copy).step == 20 and restore(copy).skipped == []
    assert (copy / "unusable-20-0" / "default").is_dir()
    assert "put aside" in capsys.readouterr().err


def test_each_damaged_checkpoint_of_a_step_is_put_aside_under_the_next_number(copy):
    for number in range(3):
        (copy / "20" / manifest.NAME).unlink()
        save(copy, 20)
        aside = {path.name for path in copy.glob("unusable*")}
        assert aside == {f"unusable-20-{i}" for i in range(number + 1)}
    assert restore(copy).step == 20


def test_if_nothing_can_be_used_it_says_so(copy):
    for step in ("10", "20"):
        (copy / step / manifest.NAME).unlink()
    with pytest.raises(errors.UserError, match="no checkpoint can be used .*10.*start"):
        restore(copy)


def test_a_run_killed_while_its_first_checkpoint_got_its_manifest_begins_anew(
    tmp_path, monkeypatch, capsys
):
    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(manifest, "write", killed)
        save(tmp_path, 10)
    assert (tmp_path / "10" / "default").is_dir()
    assert restore(tmp_path) is None
    save(tmp_path, 10)
    assert (tmp_path / "unusable-10-0" / "default").is_dir()
    assert "not finished" in capsys.readouterr().err
    assert_same(restore(tmp_path).tree, tree(10))
    # From now on a lost manifest is damage again.
    (tmp_path / "10" / manifest.NAME).unlink()
    with pytest.raises(errors.UserError, match="no checkpoint can be used"):
        restore(tmp_path)


def test_another_structure_is_explained_field_by_field(saved):
    other = {"gan": {"architecture": "mlp", "width": 32}, "rule": "lola"}
    with pytest.raises(errors.UserError) as error:
        restore(saved, other)
    for part in ("gan.width: 16 there, 32 here", "loss: hinge there", "rule: absent"):
        assert part in str(error.value)
    assert "architecture" not in str(error.value) and "jax " in str(error.value)


def test_arrays_of_another_shape_are_explained(saved):
    with pytest.raises(errors.UserError, match=r"state.step: int32\[3\] there"):
        restore(saved, target=tree(0, members=2))


def test_differences_name_five_fields_and_count_the_others():
    found = differences.between({}, {str(i): i for i in range(9)})
    assert len(found) == 6 and found[-1] == "and 4 more"
    assert differences.between(DESCRIPTION, DESCRIPTION) == []


def test_a_full_disk_leaves_the_last_checkpoint(copy, monkeypatch):
    manager = checkpoint.open(copy)
    usage = collections.namedtuple("usage", "free")(10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(errors.UserError, match="0.0 MB left .* needs 1.1 MB"):
        checkpoint.save(manager, 30, tree(30), {}, DESCRIPTION)
    checkpoint.close(manager)
    assert restore(copy).step == 20


def test_a_disk_with_just_room_enough_is_not_full(tmp_path, monkeypatch):
    wanted, manager = tree(30), checkpoint.open(tmp_path)
    arrays = [*jax.tree.leaves((wanted["state"], wanted["sweep"])), wanted["keys"]]
    arrays[-1] = jax.random.key_data(arrays[-1])
    needed = sum(array.nbytes for array in arrays) + 2**20
    usage = collections.namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(needed - 1))
    with pytest.raises(errors.UserError, match="make room"):
        checkpoint.save(manager, 30, wanted, {}, DESCRIPTION)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(needed))
    checkpoint.save(manager, 30, wanted, {}, DESCRIPTION)
    checkpoint.close(manager)
    assert restore(tmp_path).step == 30


def test_a_write_that_fails_in_the_background_is_said_at_the_next_call(copy):
    manager = checkpoint.open(copy)

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    manager.orbax.save = fail
    checkpoint.save(manager, 30, tree(30), {}, DESCRIPTION)
    with pytest.raises(errors.UserError, match="No space left"):
        checkpoint.close(manager)
    assert restore(copy).step == 20


def test_what_storage_says_of_a_full_disk_is_a_sentence(copy):
    """Orbax raises it as a ValueError: seen on a disk of four megabytes."""
    manager = checkpoint.open(copy)

    def fail(*args, **kwargs):
        raise ValueError("RESOURCE_EXHAUSTED: Failed to write [os_error_code='28']")

    manager.orbax.save = fail
    checkpoint.save(manager, 30, tree(30), {}, DESCRIPTION)
    with pytest.raises(errors.UserError, match="No space left"):
        checkpoint.close(manager)
    assert restore(copy).step == 20


def test_one_of_several_checkpoints_is_read_when_it_is_asked_for(copy):
    assert checkpoint.restore(copy, tree(0), DESCRIPTION, step=10).step == 10
    with pytest.raises(errors.UserError, match="15: it has no manifest"):
        checkpoint.restore(copy, tree(0), DESCRIPTION, step=15)


def test_fewer_than_two_checkpoints_are_refused(tmp_path):
    with pytest.raises(errors.UserError, match="keep=1"):
        checkpoint.open(tmp_path, keep=1)


def test_checkpoints_move_to_other_devices_with_the_same_bits(saved):
    code = """
        import sys
        import jax, numpy as np
        jax.config.update("jax_num_cpu_devices", 3)
        from jax.sharding import Mesh, NamedSharding, PartitionSpec
        sys.path.insert(0, sys.argv[2])
        import test_manager
        from jaxgan import checkpoint

        mesh = Mesh(np.array(jax.devices()), ("pop",))
        target = test_manager.tree(0)
        last = target.pop("sweep")
        target = jax.device_put(target, NamedSharding(mesh, PartitionSpec("pop")))
        target["sweep"] = last
        found = checkpoint.restore(sys.argv[1], target, test_manager.DESCRIPTION)
        assert found.tree["state"].step.sharding.mesh == mesh
        assert len(found.tree["keys"].sharding.device_set) == 3
        test_manager.assert_same(found.tree, test_manager.tree(20))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(saved)]
    here = str(pathlib.Path(__file__).parent)
    subprocess.run([*command, here], check=True, timeout=120)


def test_no_module_of_the_package_reads_what_can_run_code():
    words = re.compile(r"\b(import|from) (pickle|dill|marshal|shelve|joblib)\b")
    unsafe = re.compile(r"allow_pickle=True|\beval\(|\bexec\(|torch\.load")
    package = pathlib.Path(jaxgan.__file__).parent
    # It allows a pickle to name nothing but its own functions; see its tests.
    restricted = package / "scores" / "torch_files.py"
    for path in package.rglob("*.py"):
        text = path.read_text()
        assert not words.search(text) or path == restricted, path
        assert not unsafe.search(text), path


class Malicious:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_malicious_file_is_refused_and_not_run(tmp_path):
    hit = tmp_path / "hit"
    (tmp_path / "5" / "default").mkdir(parents=True)
    for name in ("manifest.json", "default/_METADATA", "default/d"):
        (tmp_path / "5" / name).write_bytes(pickle.dumps(Malicious(hit)))
    with pytest.raises(errors.UserError, match="no checkpoint can be used"):
        restore(tmp_path)
    assert not hit.exists()


def test_a_checkpoint_is_read_without_knowing_what_it_is_of(tmp_path):
    save(tmp_path / "own", 1, 2)
    (tmp_path / "own" / "2" / manifest.NAME).unlink()
    found = checkpoint.read(tmp_path / "own")
    assert found.step == 1 and found.description == DESCRIPTION
    assert len(found.skipped) == 1 and "/2: " in found.skipped[0]
    expected = tree(1)
    assert len(found.arrays) == len(jax.tree.leaves(expected))
    kernel = expected["state"].params.generator["Dense_0"]["kernel"]
    name = "state.params.generator.Dense_0.kernel"
    np.testing.assert_array_equal(found.arrays[name], kernel)
    half = found.arrays["state.params.discriminator.half"]
    assert half.dtype == jnp.bfloat16 and half.shape == (3, 7)
    words = jax.random.key_data(expected["keys"])
    np.testing.assert_array_equal(found.arrays["keys"], words)
    with pytest.raises(errors.UserError, match="there is none"):
        checkpoint.read(tmp_path)
