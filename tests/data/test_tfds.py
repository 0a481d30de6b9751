"""Tests of jaxgan.data.tfds on small datasets that are prepared without TensorFlow."""

import importlib.util
import io
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets
from PIL import Image

from jaxgan.core import errors
from jaxgan.data import dataset, tfds

features = tensorflow_datasets.features


def pixels(split, i, shape=(6, 5, 3)):
    """The image of one record, which its split and number determine."""
    seed = {"train": 0, "test": 1}[split] * 1000 + i
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def png(array):
    """An encoded image, since encoding an array would need TensorFlow."""
    file = io.BytesIO()
    Image.fromarray(array.squeeze()).save(file, "png")
    file.seek(0)
    return file


class _Builder(tensorflow_datasets.core.GeneratorBasedBuilder, skip_registration=True):
    """A dataset of records that its subclass describes."""

    VERSION = tensorflow_datasets.core.Version("1.0.0")
    FEATURES = {}
    SUPERVISED = None
    SIZES = {"train": 20}

    def _info(self):
        return tensorflow_datasets.core.DatasetInfo(
            builder=self,
            features=features.FeaturesDict(self.FEATURES),
            supervised_keys=self.SUPERVISED,
        )

    def _split_generators(self, dl_manager):
        del dl_manager
        return {split: self._generate_examples(split) for split in self.SIZES}

    def _generate_examples(self, split):
        for i in range(self.SIZES[split]):
            yield i, self.record(split, i)


class JaxganEncoded(_Builder):
    FEATURES = {
        "image": features.Image(shape=(6, 5, 3), encoding_format="png"),
        "label": features.ClassLabel(num_classes=3),
    }
    SIZES = {"train": 20, "test": 7}

    def record(self, split, i):
        return {"image": png(pixels(split, i)), "label": i % 3}


class JaxganTensor(_Builder):
    """No test split, no channel axis, two labels, and a second array."""

    FEATURES = {
        "picture": features.Tensor(shape=(4, 5), dtype=np.uint8),
        "position": features.Tensor(shape=(4, 5), dtype=np.float32),
        "kind": features.ClassLabel(num_classes=20),
        "coarse": features.ClassLabel(num_classes=2),
    }
    SUPERVISED = ("picture", "kind")

    def record(self, split, i):
        return {
            "picture": pixels(split, i, (4, 5)),
            "position": np.zeros((4, 5), np.float32),
            "kind": i,
            "coarse": i % 2,
        }


class JaxganRotating(_Builder):
    """No test split, and ten labels in rotation."""

    FEATURES = {
        "image": features.Tensor(shape=(2, 2, 1), dtype=np.uint8),
        "label": features.ClassLabel(num_classes=10),
    }
    SIZES = {"train": 60}

    def record(self, split, i):
        return {"image": pixels(split, i, (2, 2, 1)), "label": i % 10}


class JaxganUnlabelled(_Builder):
    FEATURES = {
        "image": features.Tensor(shape=(2, 2, 1), dtype=np.uint8),
        "label": features.ClassLabel(num_classes=3),
    }
    SIZES = {"train": 20, "test": 5}

    def record(self, split, i):
        label = i % 3 if split == "train" else -1
        return {"image": pixels(split, i, (2, 2, 1)), "label": label}


class JaxganNamed(_Builder, skip_registration=True):
    FEATURES = {
        "image": features.Tensor(shape=(2, 2, 1), dtype=np.uint8),
        "label": features.ClassLabel(names=["cat", "dog"]),
    }
    SIZES = {"train": 20, "validation": 6, "extra": 3}

    def record(self, split, i):
        place = list(self.SIZES).index(split)
        return {"image": np.full((2, 2, 1), 40 * place + i, np.uint8), "label": i % 2}


class JaxganVarying(_Builder):
    FEATURES = {"image": features.Image(encoding_format="png")}

    def record(self, split, i):
        return {"image": png(pixels(split, i, (6, 5 + i, 3)))}


class JaxganWords(_Builder):
    FEATURES = {"text": features.Text()}

    def record(self, split, i):
        return {"text": str(i)}


class JaxganNoTrain(_Builder):
    FEATURES = JaxganEncoded.FEATURES
    SIZES = {"test": 3}
    record = JaxganEncoded.record


def prepare(builder, folder):
    made = builder(data_dir=str(folder), file_format="array_record")
    made.download_and_prepare()
    return made


def sorted_rows(x):
    """Records are stored in shuffled order, so images are compared as sets."""
    rows = np.asarray(x).reshape(len(x), -1)
    return rows[np.lexsort(rows.T)]


def test_encoded_images_are_decoded_exactly(tmp_path):
    prepare(JaxganEncoded, tmp_path)
    images = tfds.load("jaxgan_encoded", str(tmp_path))
    for split, x, size in (
        ("train", images.train_x, 20),
        ("test", images.test_x, 7),
    ):
        assert x.dtype == np.uint8 and x.shape == (size, 6, 5, 3)
        assert x.flags.c_contiguous
        expected = np.stack([pixels(split, i) for i in range(size)])
        np.testing.assert_array_equal(sorted_rows(x), sorted_rows(expected))
    assert images.num_classes == 3
    assert images.train_label.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(images.train_label), [7, 7, 6])


def test_the_label_belongs_to_its_image_and_is_the_supervised_one(tmp_path):
    prepare(JaxganTensor, tmp_path)
    images = tfds.load("jaxgan_tensor", str(tmp_path))
    assert images.num_classes == 20
    for x, label in (
        (images.train_x, images.train_label),
        (images.test_x, images.test_label),
    ):
        for image, i in zip(x, label, strict=True):
            np.testing.assert_array_equal(image[..., 0], pixels("train", i, (4, 5)))


def test_a_tenth_of_train_is_held_out_where_there_is_no_test(tmp_path):
    prepare(JaxganTensor, tmp_path)
    first, second = (tfds.load("jaxgan_tensor", str(tmp_path)) for _ in range(2))
    assert first.train_x.shape == (18, 4, 5, 1) and first.test_x.shape == (2, 4, 5, 1)
    labels = np.concatenate([first.train_label, first.test_label])
    np.testing.assert_array_equal(np.sort(labels), np.arange(20))
    np.testing.assert_array_equal(first.test_label, second.test_label)


def test_a_tenth_of_each_class_is_held_out_and_the_same_as_of_an_array(tmp_path):
    prepare(JaxganRotating, tmp_path)
    found = tfds.load("jaxgan_rotating", str(tmp_path))
    np.testing.assert_array_equal(np.bincount(found.train_label), [5] * 10)
    np.testing.assert_array_equal(np.bincount(found.test_label), [1] * 10)
    x = np.stack([pixels("train", i, (2, 2, 1)) for i in range(60)])
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(60) % 10)
    own = dataset.load("files", data_dir=str(tmp_path / "a.npz"))
    for one, other in ((found.train_x, own.train.x), (found.test_x, own.test.x)):
        np.testing.assert_array_equal(sorted_rows(one), sorted_rows(other))


def test_unknown_labels_are_no_labels(tmp_path):
    prepare(JaxganUnlabelled, tmp_path)
    images = tfds.load("jaxgan_unlabelled", str(tmp_path))
    assert images.train_label is not None and images.test_label is None


def test_a_dataset_is_read_without_its_code_and_without_tensorflow(tmp_path):
    prepare(JaxganEncoded, tmp_path)
    script = (
        "import sys\n"
        "from jaxgan.data import dataset\n"
        "heavy = {'tensorflow', 'tensorflow_datasets', 'sklearn'}\n"
        "dataset.load('ring', num_samples=10)\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "found = dataset.load('jaxgan_encoded', data_dir=sys.argv[1])\n"
        "assert found.train.x.shape == (20, 6, 5, 3)\n"
        "assert not {'tensorflow', 'sklearn'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)


@pytest.mark.parametrize("name", ["jaxgan_encoded", "jaxgan_encoded:1.0.0"])
def test_what_is_prepared_is_known_at_a_glance(name, tmp_path, monkeypatch):
    assert not dataset.is_at_hand(name, str(tmp_path))
    prepare(JaxganEncoded, tmp_path)
    assert dataset.is_at_hand(name, str(tmp_path)) and not dataset.is_at_hand(name)
    assert not dataset.is_at_hand("jaxgan_encoded:2.0.0", str(tmp_path))
    monkeypatch.setenv("JAXGAN_DATA_DIR", str(tmp_path))
    assert dataset.is_at_hand(name) and len(dataset.load(name).train.x) == 20
    path = tmp_path / "jaxgan_encoded" / "1.0.0" / "dataset_info.json"
    path.write_text(path.read_text().replace("array_record", "tfrecord"))
    assert not dataset.is_at_hand(name)


def test_a_prepared_dataset_loads_by_name(tmp_path):
    prepare(JaxganEncoded, tmp_path)
    found = dataset.load("jaxgan_encoded:1.0.0", data_dir=str(tmp_path))
    assert found.num_classes == 3 and found.mixture is None
    assert len(found.train.x) == 20 and len(found.test.label) == 7


def test_names_of_classes_are_kept_and_validation_is_the_test_part(tmp_path):
    prepare(JaxganNamed, tmp_path)
    found = dataset.load("jaxgan_named", data_dir=str(tmp_path))
    assert found.class_names == ("cat", "dog") and found.num_classes == 2
    assert sorted(found.train.x[:, 0, 0, 0]) == list(range(20))
    assert sorted(found.test.x[:, 0, 0, 0]) == list(range(40, 46))
    np.testing.assert_array_equal(found.test.label, found.test.x[:, 0, 0, 0] % 2)
    said = dataset.about(found)
    assert "its split 'validation'" in said
    assert "not used of jaxgan_named: its splits extra" in said


VIDEO = {
    "pythonClassName": "tensorflow_datasets.core.features.video_feature.Video",
    "video": {"shape": {"dimensions": ["-1", "4", "5", "3"]}, "dtype": "uint8"},
}
AUDIO = {
    "pythonClassName": "tensorflow_datasets.core.features.audio_feature.Audio",
    "audio": {"shape": {"dimensions": ["-1"]}, "dtype": "int64", "encoding": "none"},
}
BOTH = {
    "pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict",
    "featuresDict": {"features": {"sound": AUDIO, "film": VIDEO}},
}


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is not None, reason="has TensorFlow"
)
@pytest.mark.parametrize(
    ("feature", "kind"),
    [(VIDEO, "Video"), (AUDIO, "Audio"), (BOTH, "FeaturesDict")],
    ids=["video", "audio", "within another"],
)
def test_features_that_need_tensorflow_are_said_to(feature, kind, tmp_path, capsys):
    """What TFDS writes of them, put into a dataset, as they cannot be made without."""
    prepare(JaxganNamed, tmp_path)
    path = tmp_path / "jaxgan_named" / "1.0.0" / "features.json"
    stored = json.loads(path.read_text())
    stored["featuresDict"]["features"]["clip"] = feature
    path.write_text(json.dumps(stored))
    capsys.readouterr()
    with pytest.raises(errors.UserError) as error:
        dataset.load("jaxgan_named", data_dir=str(tmp_path))
    said = str(error.value)
    assert "is prepared" in said and f"has clip ({kind}), which TFDS decodes" in said
    assert str(path.parent) in said and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("builder", "words"),
    [
        (JaxganVarying, "not all of one size"),
        (JaxganWords, "0 features that hold uint8 images, among text"),
        (JaxganNoTrain, "no split 'train'.*splits found: test"),
    ],
)
def test_datasets_that_cannot_serve_are_refused(builder, words, tmp_path):
    prepare(builder, tmp_path)
    with pytest.raises(errors.UserError, match=words):
        tfds.load(builder.name, str(tmp_path))


@pytest.mark.parametrize(
    "name", ["no_such_dataset", "", "../mnist", "mnist:0.0.1", "mnist/no_such_config"]
)
def test_unknown_names_are_refused_and_leave_nothing_behind(name, tmp_path):
    with pytest.raises(errors.UserError, match="dataset is .* known to TFDS") as error:
        dataset.load(name, data_dir=str(tmp_path))
    assert repr(name) in str(error.value) and str(tmp_path) in str(error.value)
    assert not list(tmp_path.iterdir())


def test_an_unprepared_dataset_is_refused_with_the_way_to_prepare_it(tmp_path):
    with pytest.raises(errors.UserError, match="not prepared.*array_record") as error:
        dataset.load("kmnist", data_dir=str(tmp_path))
    assert str(tmp_path) in str(error.value)
    assert not list(tmp_path.iterdir())


def test_another_file_format_is_refused(tmp_path):
    made = prepare(JaxganEncoded, tmp_path)
    path = tmp_path / "jaxgan_encoded" / "1.0.0" / "dataset_info.json"
    info = json.loads(path.read_text())
    assert info["fileFormat"] == made.info.file_format.value
    path.write_text(json.dumps({**info, "fileFormat": "tfrecord"}))
    with pytest.raises(errors.UserError, match="tfrecord format"):
        tfds.load("jaxgan_encoded", str(tmp_path))
