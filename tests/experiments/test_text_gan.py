"""The script of GANs of text, run as a user runs it."""

import json
import pathlib
import re

import numpy as np
import pytest
import warm_python
from PIL import Image

from jaxgan import ensembles
from jaxgan.scripts import sheets, writing

EXPERIMENTS = pathlib.Path(__file__).parents[2] / "experiments"
LIKELIHOOD = 5
SMALL = (
    *("--dataset", "oracle", "--vocabulary", 9, "--length", 6),
    *("--network", "seqgan", "--loss", "seqgan", "--penalties", "--n-critic", 1),
    *("--width", 4, "--numbers", "windows:2", "--rollouts", 1),
    *("--likelihood-steps", LIKELIHOOD),
)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """Folder of a smoke run of SeqGAN, and what it printed."""
    folder = tmp_path_factory.mktemp("smoke")
    words = (EXPERIMENTS / "text_gan.py", "--smoke", *SMALL, "--out", "run")
    result = warm_python.run(words, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder / "run", result.stdout


def test_a_run_keeps_texts_scores_and_generators(smoke):
    folder, printed = smoke
    names = {path.name for path in folder.iterdir()}
    assert {
        *("config.json", "metrics.jsonl", "scores.json", "samples.png"),
        *("report.html", "samples-real.txt", "samples-seed-0.txt"),
        *("samples-seed-1.txt", "mixture-generator-1.safetensors"),
    } <= names
    lines = (folder / "samples-seed-0.txt").read_text().splitlines()
    assert len(lines) == 64 and lines[0] in printed
    assert all(len(line.split()) == 6 for line in lines)
    assert all(0 <= int(word) < 9 for line in lines for word in line.split())
    # The same samples stand on the page.
    assert f">{lines[0]}<" in (folder / "report.html").read_text()
    assert np.asarray(Image.open(folder / "samples.png")).std() > 0


def test_scores_are_of_each_seed_beside_n_gram_models(smoke):
    folder, printed = smoke
    record = json.loads((folder / "scores.json").read_text())
    assert set(record["scores"]) == {
        "oracle_nll",
        "distinct_share",
        *(f"ngram_js_{n}" for n in (1, 2, 3, 4)),
    }
    nll = record["scores"]["oracle_nll"]
    assert len(nll["value"]) == 2 and np.isfinite(nll["value"]).all()
    assert nll["protocol"]["vocabulary"] == 9
    for row in ("untrained", "unigram sampler", "4-gram model", "oracle NLL"):
        assert row in printed


def test_generators_keep_what_their_symbols_are(smoke, tmp_path):
    _, _, notes = ensembles.load(smoke[0] / "mixture-generator-0.safetensors")
    what = writing.noted(notes)
    x = 2 * np.eye(9)[[[1, 3, 8, 0, 0, 2]]] - 1
    sheet = sheets.Sheet({"one": x}, 1, {}, text=what)
    for name in ("x.txt", "x.png"):
        sheets.save(tmp_path / name, sheet)
    assert (tmp_path / "x.txt").read_text() == "1 3 8 0 0 2\n"
    assert np.asarray(Image.open(tmp_path / "x.png")).std() > 0


def test_what_came_after_maximum_likelihood_is_told_seed_by_seed(smoke):
    folder, printed = smoke
    start = folder / f"scores-{LIKELIHOOD:06}.json"
    before, after = (
        np.array(json.loads(path.read_text())["scores"]["oracle_nll"]["value"])
        for path in (start, folder / "scores.json")
    )
    told = f"paired difference {(after - before).mean():+.4f}"
    assert f"oracle_nll since the maximum-likelihood start: {before.mean():.4g}" in (
        printed
    )
    assert told in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--dataset", "digits"), "--dataset digits: it must be one of text"),
        (("--dataset", "text"), "--dataset text: .*set it to a text file"),
        (("--dataset", "text", "--data-dir", "absent"), "cannot be read as a text"),
        (("--data-dir", "."), "--data-dir .: grammar is built in"),
        (("--vocabulary", 5), "--vocabulary 5, but the grammar has 13"),
        (("--length", 1), "--length 1: it must be at least 2"),
        (("--unit", "bytes"), "--unit bytes: it is for --dataset text"),
        (("--likelihood-steps", 5), "--likelihood-steps 5: it goes with --rollouts"),
        (("--rollouts", 2), "choose the network seqgan"),
        (("--network", "seqgan"), "--rollouts 0, but the generator draws symbols"),
        (
            (*("--network", "seqgan", "--rollouts", 1, "--penalties"), "--loss")
            + ("relativistic_average",),
            "no mean over samples",
        ),
        (("--bleu", 1), "--bleu 1: it must be 0, or 2 or more"),
        (
            ("--network", "gumbel_text", "--latent-dim", 9),
            "--network gumbel_text .*: --latent-dim 9 must be",
        ),
        (("--network", "gumbel_text", "--numbers", "temperature:0"), "temperature"),
        (("--numbers", "blocks:1.5"), "--numbers blocks:1.5: it must be a whole"),
    ],
)
def test_what_cannot_be_trained_is_said_in_a_sentence(
    refused, tmp_path, monkeypatch, words, said
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JAXGAN_DATA_DIR", raising=False)
    told = refused("text_gan", "--smoke", *words, "--out", tmp_path / "run")
    assert re.search(said, " ".join(told.split())), told
