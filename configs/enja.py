"""English to Japanese, words to words: an encoder-decoder with attention and without.

50 000 pairs of 4 to 16 words (small_parallel_enja, an extract of the Tanaka corpus), 500 for valid
and 500 for test. The 4000 most frequent words of train in each language. LSTMs of 128 units, a
bidirectional encoder, multiplicative attention with input feeding (Luong, Pham & Manning 2015),
or neither. 1000 updates of 64 pairs are 1.3 epochs: far from what such a model can reach.

Run:     python -m experiments.sweep --config=configs/enja.py --workdir=runs
         python -m experiments.translate --run=runs/enja/<run> --split=test --beam=4
Laptop:  --config=configs/enja.py:quick
Expect:  on test, one seed, step 1000: BLEU 17.93 with attention and 9.52 without, with a beam of 4
         and alpha 0.6; 16.40 and 8.17 greedily. sacrebleu 2.6.0, words as in the files:
         nrefs:1|case:mixed|eff:no|tok:none|smooth:exp. Cross entropy 2.025 and 2.409 nats per
         word (unigram on valid 4.93); 2 082 208 and 1 934 752 parameters. 2026-11-30, jax 0.10.2:
         10 and 8 minutes side by side on 2 cores shared with much other work.
"""

from typing import Any

from lstmx import config as cfg


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps of a small batch."""
    own = {"model.name": "seq2seq", "model.attention": "multiplicative"}
    c = cfg.resolve(cfg.base(), {**own, "model.input_feeding": True})
    c.task = cfg.task("translation", source="enja", batch_size=64, vocabulary=4000, length=20)
    c.model.cell = cfg.cell("lstm", hidden_size=128)
    c.model.embed_features = 128
    c.model.bidirectional = True
    c.steps = 1000
    c.log_every = 50
    c.eval_every = 500
    c.hparams.learning_rate = 4e-3
    c.optimizer.schedule = "cosine"
    c.evals = {"valid": {"split": "valid"}, "test": {"split": "test"}}
    return cfg.shrink(c) if mode == "quick" else c


def sweep() -> list[dict[str, Any]]:
    """With attention and without."""
    return [
        {"model.attention": "multiplicative"},
        {"model.attention": "none", "model.input_feeding": False},
    ]
