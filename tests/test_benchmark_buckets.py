"""The table of buckets: its contestants compute the same with any padding, and its rows."""

import numpy as np
import pytest

from experiments.benchmarks import sentences, store, timing
from experiments.benchmarks.sentences import Corpus
from experiments.benchmarks.tables import Settings
from experiments.benchmarks.tables import buckets as table
from lstmx.data import Missing

LENGTHS = np.array([4, 2, 3])
RNG = np.random.default_rng(0)


def labelled(steps):
    tokens = np.where(np.arange(steps) < LENGTHS[:, None], 1 + np.arange(steps) % 5, 0)
    return {"tokens": tokens.astype(np.int32), "lengths": LENGTHS, "labels": np.array([0, 1, 1])}


def paired(steps):
    tokens = labelled(steps)["tokens"]
    rest = {"before": tokens, "after": tokens[:, ::-1] * 0 + 2, "lengths": LENGTHS[::-1].copy()}
    return {"source": tokens, "source_lengths": LENGTHS, **rest}


def both(name):
    """A corpus, and a batch of it padded to 4 and to 6 steps."""
    read = labelled if name == "TREC" else paired
    return Corpus(name, [read(4)], 4.0, 6, 6, 5, 1), read(6)


@pytest.mark.parametrize("name", sentences.CORPORA)
def test_padding_changes_no_loss_of_torch(name):
    torch = pytest.importorskip("torch")
    from experiments.benchmarks.peers import torch_sentences as peer

    corpus, longer = both(name)
    network = (peer.Classifier if name == "TREC" else peer.Translator)(corpus)
    losses = []
    for batch in (corpus.batches[0], longer):
        own = {key: torch.from_numpy(np.array(array)) for key, array in batch.items()}
        if "after" in own:
            own["after"] = peer.without_padding(own["after"], own["lengths"])
        losses.append(float(network(own).detach()))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    for packed in (True, False):
        assert np.isfinite(float(peer.loop(corpus, "cpu", packed=packed)().detach()))


@pytest.mark.slow
@pytest.mark.parametrize("name", sentences.CORPORA)
def test_padding_changes_no_output_of_keras(name):
    if table.peers.missing("keras"):
        pytest.skip("keras is not installed; lstmx[peers] brings it")
    from experiments.benchmarks.peers import keras_sentences as peer

    corpus, longer = both(name)
    make, read = (
        (peer._classifier, peer._labelled) if name == "TREC" else (peer._translator, peer._paired)
    )
    model = make(corpus)
    short, long = (np.asarray(model(read(batch)[0])) for batch in (corpus.batches[0], longer))
    np.testing.assert_allclose(short, long if name == "TREC" else long[:, :4], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sentences.CORPORA)
def test_everybody_gets_the_batches_of_the_task(name, tmp_path):
    config = sentences.config(name, 2, 2, quick=True, folder=str(tmp_path))
    found = sentences.corpus(name, config)
    key = "tokens" if name == "TREC" else "after"
    short, long = (batch[key].shape[1] for batch in found.batches)
    assert short <= long
    assert found.steps == (short + long) / 2
    for batch in found.batches:
        assert batch["lengths"].max() <= batch[key].shape[1]
        if name == "TREC":
            assert batch["labels"].shape == (4,)
            assert set(batch["labels"].tolist()) <= {0, 1}
        else:  # a word is read a step after it was to be written
            np.testing.assert_array_equal(batch["before"][:, 1:], batch["after"][:, :-1])


def test_rows_of_the_table(monkeypatch):
    settings = Settings("cpu", quick=True, repeats=1)
    monkeypatch.setattr(sentences, "ours", lambda config: lambda: None)
    monkeypatch.setattr(table, "PEERS", {"torch": ("no_such_library", {})})
    monkeypatch.setitem(table.peers.PACKAGES, "no_such_library", "no-such-library")
    rows = table.measure("TREC", settings)
    assert [row.name for row in rows] == ["lstmx", "torch"]
    assert rows[1].times == "not installed"
    longest, bucketed = timing.Times(3000.0, 3000.0, 1), timing.Times(1500.0, 1500.0, 1)
    rows[0] = rows[0]._replace(longest=longest, bucketed=bucketed)
    written = store.written(table, rows)
    assert store.rows(table, {"parts": {"TREC": written}}) == rows
    text = table.markdown(rows)
    assert "TREC: 12 steps in the longest, 9.5 in a bucket on average; 40 updates" in text
    assert "- torch: not installed" in text
    assert "3.00" in text
    assert list(table.figures(rows)) == ["buckets_trec"]

    def missing(name, config):
        raise Missing("data file TREC.train does not exist")

    monkeypatch.setattr(sentences, "corpus", missing)
    (row,) = table.measure("TREC", settings)
    assert "data file TREC.train does not exist" in table.markdown([row])
    assert table.figures([row]) == {}
