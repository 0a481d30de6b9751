"""Tests of features of an ONNX model, which the package onnx writes."""

import numpy as np
import pytest

from jaxgan.core import errors
from jaxgan.scores import feature_files

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

IMAGES = np.random.default_rng(1).integers(0, 256, (70, 4, 5, 3), dtype=np.uint8)


@pytest.mark.oracle
def test_an_onnx_model_is_given_images_as_it_takes_them(tmp_path):
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    mean = helper.make_node("ReduceMean", ["images"], ["features"], axes=[2, 3])
    graph = helper.make_graph(
        [mean],
        "mean",
        [helper.make_tensor_value_info("images", kind, ["batch", 3, 4, 5])],
        [helper.make_tensor_value_info("features", kind, ["batch", 3, 1, 1])],
    )
    opset = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    path = tmp_path / "mean.onnx"
    onnx.save(model, path)
    network = feature_files.load(path)
    features, _ = network.apply(IMAGES)
    np.testing.assert_allclose(features, IMAGES.mean((1, 2)) / 255, rtol=1e-5)
    with pytest.raises(errors.UserError, match="any|takes 4 x 5 x 3"):
        network.check((8, 8, 3))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(errors.UserError, match="ONNX Runtime"):
        feature_files.load(broken)
