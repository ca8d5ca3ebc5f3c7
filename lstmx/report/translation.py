"""Translations that a run writes itself, with BLEU, chrF and what attention reads.

BLEU (Papineni et al. 2002) and chrF (Popovic 2015) are those of sacrebleu (Post 2018), whose
signature says which definition: corpus-level, one reference. Words are compared as they are in the
files, `tokenize="none"`; another tokeniser of sacrebleu changes the number.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks, decoding, plots, precision, runs
from lstmx.data import bytepairs, pairs
from lstmx.runs.opened import Opened

ROWS = 100
"""Sentences that are translated at once."""
OPTIONS = ("source", "file", "target_file", "swapped", "vocabulary", "tokeniser")
"""Options of the task "translation" that say which corpus it is."""


class Scores(NamedTuple):
    """How good translations are.

    Attributes:
        bleu: 0 to 100.
        chrf: 0 to 100.
        signatures: of sacrebleu, by metric.
    """

    bleu: float
    chrf: float
    signatures: Mapping[str, str]


class Translations(NamedTuple):
    """The sentences of a part, and what the model made of them.

    Attributes:
        source: the sentences that were read.
        hypotheses: what the model wrote.
        references: what should be written.
        scores: of all of them.
    """

    source: Sequence[str]
    hypotheses: Sequence[str]
    references: Sequence[str]
    scores: Scores


def translate(
    opened: Opened,
    *,
    split: str = "test",
    width: int = 1,
    alpha: float = 0.6,
    tokenize: str = "none",
    tell: Callable[[str], None] = lambda line: None,
) -> Translations:
    """The translations of a part of the run's corpus.

    Args:
        opened: a run of the task "translation".
        split: train, valid or test.
        width: of the beam; 1 is greedy.
        alpha: of the length normalisation, see `lstmx.decoding.beam_search`.
        tokenize: of sacrebleu, for words that are not separated by spaces yet.
        tell: called with a line of progress.

    Raises:
        ValueError: a run of another task or of a model without a decoder, a file that is missing,
            sacrebleu that is not installed, a tokeniser that it has not.
    """
    corpus = corpus_of(opened)
    metrics = _metrics(tokenize)
    sentences, references = corpus.lines[split]
    hypotheses: list[str] = []
    for first in range(0, len(sentences), ROWS):
        found = write(opened, corpus, sentences[first : first + ROWS], width=width, alpha=alpha)
        hypotheses += [pairs.decode(row, corpus.target) for row in found]
        tell(f"{len(hypotheses)} of {len(sentences)} sentences")
    scores = _scores(metrics, hypotheses, references)
    return Translations(sentences, hypotheses, references, scores)


def corpus_of(opened: Opened) -> pairs.Pairs:
    """The corpus of a run. Raises ValueError for one of another task, or without a decoder."""
    task = opened.config.task
    if task.name != "translation" or opened.model.decoder is None:
        raise ValueError(
            f"{opened.run.path}: a run of task {task.name!r} with model "
            f"{opened.config.model.name!r}; expected task 'translation' with model 'seq2seq'"
        )
    with bytepairs.recalled(opened.run.meta["task"]):
        return pairs.load(**{key: task[key] for key in OPTIONS})


def write(
    opened: Opened,
    corpus: pairs.Pairs,
    sentences: Sequence[str],
    *,
    width: int = 1,
    alpha: float = 0.6,
) -> np.ndarray:
    """The tokens [N, T] that the model writes for at most `ROWS` sentences, padded with `</s>`."""
    length = opened.config.task.length
    tokens = np.full((ROWS, length), pairs.END, np.int32)
    lengths = np.ones(ROWS, np.int32)  # a row that fills up reads one word
    for n, row in enumerate(pairs.encode(sentences, corpus.source)):
        lengths[n] = min(len(row), length)
        tokens[n, : lengths[n]] = row[:length]
    inputs = {"source": tokens, "source_mask": np.arange(length) < lengths[:, None]}
    with precision.scope(opened.config.model.precision):
        found = _searched(opened.model.decoder, length, width, alpha)(opened.params, inputs)
    return np.asarray(found[: len(sentences)])


def attention(opened: Opened, corpus: pairs.Pairs, source: str, written: str) -> np.ndarray:
    """The weights [T, S] with which a model writes one sentence; T and S count `</s>`.

    Raises:
        ValueError: a model without attention.
    """
    if opened.config.model.attention == "none":
        raise ValueError(f"{opened.run.path}: model.attention='none'; expected another one")
    (xs,), (ys,) = (
        pairs.encode([line], symbols)
        for line, symbols in ((source, corpus.source), (written, corpus.target))
    )
    inputs = {
        "source": jnp.asarray([xs]),
        "source_mask": jnp.ones((1, len(xs)), bool),
        "target": jnp.asarray([[pairs.START, *ys[:-1]]]),
    }
    with precision.scope(opened.config.model.precision):
        _, _, trace = opened.model.apply(opened.params, inputs, return_trace=True)
    return np.asarray(trace.gates["attention"][0])


def save(opened: Opened, made: Translations, folder: Path, figures: int = 3) -> list[Path]:
    """Write `hypotheses.txt`, `scores.json` and, with attention, figures; returns their paths.

    Args:
        opened: the run that made them.
        made: the result of `translate`.
        folder: where to write; it is made.
        figures: number of sentences, the first ones, whose attention is drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts, record = folder / "hypotheses.txt", folder / "scores.json"
    texts.write_text("".join(f"{line}\n" for line in made.hypotheses), "utf-8")
    runs.write_json(record, made.scores._asdict())
    paths = [texts, record]
    if opened.config.model.attention == "none":
        return paths
    corpus = corpus_of(opened)
    for n, (source, written) in enumerate(zip(made.source[:figures], made.hypotheses), 1):
        weights = attention(opened, corpus, source, written)
        words = [pairs.shown(source, corpus.source), pairs.shown(written, corpus.target)]
        path = folder / f"attention_{n}.svg"
        with warnings.catch_warnings():
            # Text stays text in an SVG: the fonts that matter are those of whoever looks at it.
            warnings.filterwarnings("ignore", "Glyph", UserWarning)
            drawn = plots.svg(plots.attention_map(weights, *words), salt=path.stem)
        path.write_text(drawn, "utf-8")
        paths.append(path)
    return paths


def _searched(decoder: Any, length: int, width: int, alpha: float) -> Callable[..., Any]:
    """(params, inputs) -> tokens [B, T] of the best hypotheses, compiled; once for equal sizes."""
    key = (decoder, length, width, alpha)
    if key not in _compiled:

        def search(params: Any, inputs: Any) -> jax.Array:
            step = lambda state, tokens: decoder.step(params, state, tokens)
            state = decoder.start(params, inputs)
            found = decoding.beam_search(
                step,
                state,
                width=width,
                length=length,
                start=pairs.START,
                end=pairs.END,
                alpha=alpha,
            )
            return found.tokens[:, 0]

        _compiled[key] = jax.jit(search)
    return _compiled[key]


_compiled: dict[Any, Callable[..., Any]] = {}


def _metrics(tokenize: str) -> tuple[Any, Any]:
    try:
        from sacrebleu import metrics
    except ImportError:
        raise ValueError("sacrebleu is not installed; pip install 'lstmx[text]'") from None
    checks.one_of("tokenize", tokenize, metrics.BLEU.TOKENIZERS)
    try:
        # force: text that is tokenised already is what the user asks for.
        return metrics.BLEU(tokenize=tokenize, force=True), metrics.CHRF()
    except (ImportError, OSError, RuntimeError) as error:  # libraries and files of some tokenisers
        reason = " ".join(str(error).split())
        raise ValueError(f"tokenize={tokenize!r} of sacrebleu: {reason}") from None


def _scores(
    metrics: tuple[Any, Any], hypotheses: Sequence[str], *references: Sequence[str]
) -> Scores:
    """The scores of hypotheses against one list of references, or several."""
    bleu, chrf = (one.corpus_score(hypotheses, references).score for one in metrics)
    names = {n: str(one.get_signature()) for n, one in zip(("bleu", "chrf"), metrics)}
    return Scores(bleu, chrf, names)
