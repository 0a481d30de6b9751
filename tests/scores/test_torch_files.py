"""Weights of PyTorch are read without PyTorch, and nothing in them can run."""

import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.scores import torch_files

ARRAYS = {
    "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "a.bias": np.array([1.5, -2.0], np.float64),
    "count": np.array(7, np.int64),
    "half": np.array([0.5], np.float16),
}
KINDS = {"f4": "Float", "f8": "Double", "i8": "Long", "f2": "Half"}


def text(value):
    return b"X" + struct.pack("<i", len(value)) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def row(*parts):
    return b"(" + b"".join(parts) + b"t"


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def storage(key, kind, size, *more):
    parts = (text("storage"), name("torch", f"{kind}Storage"), text(key), text("cpu"))
    return row(*parts, number(size), *more) + b"Q"


def tensor(place, shape, strides, offset=0):
    arguments = row(
        place,
        number(offset),
        row(*map(number, shape)),
        row(*map(number, strides)),
        b"\x89",
        name("collections", "OrderedDict") + b")R",
    )
    return name("torch._utils", "_rebuild_tensor_v2") + arguments + b"R"


def dictionary(**items):
    body = b"".join(text(key) + value + b"s" for key, value in items.items())
    attributes = b"}" + text("_metadata") + b"}s"
    made = name("collections", "OrderedDict") + b")R" + body + attributes + b"b."
    return b"\x80\x02" + made


def described(arrays, *more):
    return dictionary(
        **{
            key: tensor(
                storage(str(i), KINDS[x.dtype.str[1:]], x.size, *more),
                x.shape,
                [stride // x.itemsize for stride in x.strides],
            )
            for i, (key, x) in enumerate(arrays.items())
        }
    )


def archive(path, program, contents, more=()):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("it/data.pkl", program)
        for key, content in enumerate(contents):
            file.writestr(f"it/data/{key}", content)
        for key, content in more:
            file.writestr(key, content)
    return path


def stream(path, program, arrays, magic=torch_files.MAGIC):
    with open(path, "wb") as file:
        for header in (magic, 1001, {"little_endian": True}):
            pickle.dump(header, file, 2)
        file.write(program)
        pickle.dump([str(i) for i in range(len(arrays))], file, 2)
        for x in arrays:
            file.write(struct.pack("<q", x.size) + x.tobytes())
    return path


def whole(path, form):
    if form == "archive":
        contents = [x.tobytes() for x in ARRAYS.values()]
        return archive(path, described(ARRAYS), contents)
    return stream(path, described(ARRAYS, b"N"), ARRAYS.values())


@pytest.mark.parametrize("form", ["archive", "stream"])
def test_both_forms_give_the_arrays(tmp_path, form):
    read = torch_files.read_arrays(whole(tmp_path / "w.pth", form))
    assert list(read) == list(ARRAYS)
    for key, x in ARRAYS.items():
        assert read[key].dtype == x.dtype
        np.testing.assert_array_equal(read[key], x)


def test_an_array_without_entries_keeps_its_shape(tmp_path):
    arrays = {"none": np.zeros((2, 0, 3), np.float32)}
    read = torch_files.read_arrays(archive(tmp_path / "w", described(arrays), [b""]))
    assert read["none"].shape == (2, 0, 3) and read["none"].dtype == np.float32


def test_offsets_strides_and_shared_storages_are_followed(tmp_path):
    entries = np.arange(10, dtype=np.float32)
    place = storage("0", "Float", 10)
    program = dictionary(
        turned=tensor(place, (3, 2), (1, 3), offset=2),
        tail=tensor(place, (2,), (1,), 8),
    )
    read = torch_files.read_arrays(archive(tmp_path / "w", program, [entries]))
    np.testing.assert_array_equal(read["turned"], entries[2:8].reshape(2, 3).T)
    np.testing.assert_array_equal(read["tail"], [8, 9])


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def call(module, attribute, *arguments):
    return b"\x80\x02" + name(module, attribute) + row(*arguments) + b"R."


ATTACKS = {
    "system": call("os", "system", text("touch HIT")),
    "eval": call("builtins", "eval", text("open('HIT', 'w')")),
    "getattr": call("builtins", "getattr", text("a"), text("upper")),
    "dotted": b"\x80\x04"
    + text("collections")
    + text("OrderedDict.fromkeys")
    + b"\x93.",
    "of torch": call("torch.hub", "load", text("a")),
    "of ours": call("jaxgan.core.files", "write_whole", text("HIT")),
    "made": b"\x80\x02" + name("torch", "FloatStorage") + b")\x81.",
    "called": call("torch", "FloatStorage"),
    "state": b"\x80\x02"
    + name("torch._utils", "_rebuild_tensor_v2")
    + b"}"
    + text("__code__")
    + text("a")
    + b"sb.",
    "extension": b"\x80\x02\x82\x01.",
    "instance": b"\x80\x02(ios\nsystem\n.",
}


@pytest.mark.parametrize("form", ["archive", "stream"])
@pytest.mark.parametrize("attack", [*ATTACKS, "reduce", "nested"])
def test_nothing_in_a_file_is_run(tmp_path, monkeypatch, attack, form):
    monkeypatch.chdir(tmp_path)
    if attack == "reduce":
        program = pickle.dumps(Malicious(tmp_path / "HIT"), 2)
    elif attack == "nested":
        inner = pickle.dumps(Malicious(tmp_path / "HIT"), 2)[2:-1]
        program = dictionary(a=inner)
    else:
        program = ATTACKS[attack]
    path = tmp_path / "w.pth"
    archive(path, program, []) if form == "archive" else stream(path, program, [])
    with pytest.raises(errors.UserError, match="nothing in it was run"):
        torch_files.read_arrays(path)
    assert not (tmp_path / "HIT").exists()


@pytest.mark.parametrize("slots", [False, True])
def test_the_functions_of_the_reader_stay_as_they_were(tmp_path, slots):
    before = dict(vars(torch_files._tensor))
    state = b"}" + text("added") + text("a") + b"s"
    program = b"\x80\x02" + name("torch._utils", "_rebuild_tensor_v2")
    program += (row(b"N", state) if slots else state) + b"b."
    with pytest.raises(errors.UserError):
        torch_files.read_arrays(archive(tmp_path / "w", program, []))
    assert vars(torch_files._tensor) == before


@pytest.mark.parametrize("form", ["archive", "stream"])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, form):
    content = whole(tmp_path / "w.pth", form).read_bytes()
    path = tmp_path / "cut.pth"
    for end in range(0, len(content), 13):
        path.write_bytes(content[:end])
        with pytest.raises(errors.UserError, match="cut.pth"):
            torch_files.read_arrays(path)


FLOATS = np.zeros(4, np.float32)
PLACE = storage("0", "Float", 4)


@pytest.mark.parametrize(
    "program",
    [
        dictionary(a=tensor(PLACE, (5,), (1,))),
        dictionary(a=tensor(PLACE, (3,), (2,))),
        dictionary(a=tensor(PLACE, (2,), (-1,), offset=3)),
        dictionary(a=tensor(PLACE, (4,), (1,), offset=1)),
        dictionary(a=tensor(PLACE, (1000, 1000), (0, 0))),
        dictionary(a=tensor(PLACE, (2, 2), (1,))),
        dictionary(a=tensor(storage("0", "Float", 3), (3,), (1,))),
        dictionary(a=tensor(storage("../data.pkl", "Float", 4), (4,), (1,))),
        dictionary(a=tensor(text("0"), (4,), (1,))),
        dictionary(a=number(3)),
        b"\x80\x02].",
        b"\x80\x02",
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, program):
    path = archive(tmp_path / "w.pth", program, [FLOATS])
    with pytest.raises(errors.UserError, match="cannot|can be read"):
        torch_files.read_arrays(path)


def test_other_files_are_refused(tmp_path):
    big = archive(
        tmp_path / "big", described({"a": FLOATS}), [FLOATS], [("it/byteorder", "big")]
    )
    none = tmp_path / "none"
    with zipfile.ZipFile(none, "w") as file:
        file.writestr("a", "b")
    other = stream(tmp_path / "other", described({}), [], magic=3)
    for path in (big, none, other, tmp_path):
        with pytest.raises(errors.UserError, match=path.name):
            torch_files.read_arrays(path)
    with pytest.raises(errors.UserError, match="does not exist"):
        torch_files.read_arrays(tmp_path / "missing")
