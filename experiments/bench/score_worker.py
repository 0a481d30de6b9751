"""One side of bench_scores.py: does its work once for each line it is sent.

The one argument is a JSON object with what to do; answers are lines of JSON, the first
after what is compiled and loaded.
"""

import importlib.util
import json
import os
import sys
import time
import types
import warnings


def main() -> None:
    config = json.loads(sys.argv[1])
    work = globals()[config["work"]](config)
    began = time.perf_counter()
    work()
    say(first_seconds=time.perf_counter() - began)
    for _ in sys.stdin:
        began = time.perf_counter()
        value = work()
        say(seconds=time.perf_counter() - began, value=value)


def say(**fields) -> None:
    print(json.dumps(fields), flush=True)


def forward_jaxgan(config):
    """Features of a batch of images."""
    import jax
    import numpy as np

    from jaxgan.scores import inception

    x = np.load(config["images"])
    names = (config["feature"],)
    params = inception.init(jax.random.key(0))
    form = {"convolution": config.get("convolution", "auto")}

    def work():
        features = inception.features_all(params, x, names, **form)[names[0]]
        return float(features.mean())

    return work


def forward_fidelity(config):
    """The same by torch-fidelity, with random weights too."""
    import numpy as np
    import torch

    torch.set_num_threads(config["cores"])
    # The network alone: the whole package needs a torchvision that fits.
    found = importlib.util.find_spec("torch_fidelity")
    package = types.ModuleType("torch_fidelity")
    package.__path__ = found.submodule_search_locations
    sys.modules["torch_fidelity"] = package
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_fidelity import feature_extractor_inceptionv3 as module
    module.load_state_dict_from_url = lambda *_, **__: None

    class Untrained(module.FeatureExtractorInceptionV3):
        def load_state_dict(self, state):
            assert state is None

    network = Untrained("random", [config["feature"]])
    for x in network.parameters():
        if x.ndim > 1:
            torch.nn.init.normal_(x, std=(2 / x[0].numel()) ** 0.5)
    x = torch.tensor(np.load(config["images"])).permute(0, 3, 1, 2).contiguous()

    def work():
        with torch.inference_mode():
            parts = [network(part)[0] for part in x.split(config["torch_batch"])]
            return float(torch.cat(parts).mean())

    return work


def frechet_jaxgan(config):
    """The Frechet distance of features, from the arrays on the host."""
    import jax
    import numpy as np

    from jaxgan import scores

    real, fake = np.load(config["real"]), np.load(config["fake"])
    distance = jax.jit(scores.frechet_distance)
    return lambda: float(distance(real, fake).value)


def frechet_scipy(config):
    """The same, as it is usually done: float64 and a general matrix square root."""
    import numpy as np
    from scipy import linalg

    real, fake = np.load(config["real"]), np.load(config["fake"])

    def work():
        difference = real.mean(axis=0, dtype=float) - fake.mean(axis=0, dtype=float)
        one, other = (np.cov(x, rowvar=False, dtype=np.float64) for x in (real, fake))
        root = linalg.sqrtm(one @ other).real
        return float(difference @ difference + np.trace(one + other - 2 * root))

    return work


def stream(config):
    """A pass over so many images, of which no more than a batch are there at once."""
    import numpy as np

    from jaxgan.scores import feature_passes, marginals, moments

    size, batch, images = config["size"], config["batch"], config["images"]
    network = globals()[f"{config['network']}_network"](config)
    needs = feature_passes.Needs(splits=min(10, images), moments=True, classes=True)

    def batches():
        rng = np.random.default_rng(1)
        for start in range(0, images, batch):
            shape = (min(batch, images - start), size, size, 3)
            yield rng.integers(0, 256, shape, dtype=np.uint8)

    def work():
        kept = feature_passes.collect(batches(), network, needs, images)
        _, covariance = moments.finalize(kept.moments)
        score = marginals.inception_score(kept.marginals).value
        return float(covariance.trace() + score)

    return work


def inception_network(config):
    """The Inception network with random weights."""
    import jax

    from jaxgan.scores import feature_networks, inception, weights

    del config
    params = inception.init(jax.random.key(0))
    return feature_networks.of_inception(weights.Weights(params, "random"))


def projection_network(config):
    """A network of hardly any time."""
    import jax
    import numpy as np

    from jaxgan.scores import feature_networks

    size, width = config["size"], config["width"]
    projection = np.random.default_rng(0).normal(size=(3 * size**2, width)) / size
    projection = projection.astype(np.float32)

    @jax.jit
    def apply(x):
        x = x.reshape(len(x), -1) / 127.5 - 1
        features = jax.nn.relu(x @ projection)
        return features, features[:, :10]

    return feature_networks.FeatureNetwork(apply, (), lambda shape: None)


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    main()
