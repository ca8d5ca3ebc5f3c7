"""Logistic regression on the counts of words and pairs of words: the reference of text tasks."""

import functools

import numpy as np

from lstmx.data import tokens

CONSTANT = 1.0
"""Inverse weight of the squared norm, the default of scikit-learn."""


@functools.lru_cache(maxsize=8)
def accuracy(
    train: tuple[tuple[str, ...], tuple[str, ...]], other: tuple[tuple[str, ...], tuple[str, ...]]
) -> float:
    """The accuracy on other texts and labels, after training on these; on 1- and 2-grams.

    Order of words beyond pairs is what a recurrent network could add.
    """
    # Slow to import, and only text needs them.
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    cut = lambda text: tokens.cut(text, "word")
    counts = CountVectorizer(tokenizer=cut, token_pattern=None, ngram_range=(1, 2), lowercase=False)
    # One class against the rest: with the multinomial loss TREC takes ten times as long.
    one = LogisticRegression(C=CONSTANT, solver="liblinear", random_state=0)
    classifier = OneVsRestClassifier(one)
    classifier.fit(counts.fit_transform(train[0]), train[1])
    found = classifier.predict(counts.transform(other[0]))
    return float(np.mean(found == np.asarray(other[1])))
