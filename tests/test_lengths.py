"""Curves over lengths: their score, their reach and their figure."""

import pytest

from lstmx.report import lengths


def curve(values, *, solved=0.9, maximize=True, label="lstm"):
    return lengths.Curve(
        "runs/x/seed=0", label, "accuracy", [10, 20, 40], values, [0.5] * 3, solved, maximize
    )


def test_score_is_the_mean_and_reach_ends_at_the_first_gap():
    assert curve([1.0, 0.8, 0.9]).score == pytest.approx(0.9)
    assert curve([1.0, 0.8, 0.9]).reach == 10
    assert curve([1.0, 0.95, 0.9]).reach == 40
    assert curve([0.5, 1.0, 1.0]).reach == 0
    assert curve([0.01, 0.2, 0.0], solved=0.1, maximize=False).reach == 10
    assert curve([1.0, 1.0, 1.0], solved=None).reach is None
    assert curve([float("nan"), 1.0, 1.0]).reach == 0


def test_lengths_are_read():
    assert lengths.parse("20,40") == [20, 40]
    assert lengths.parse("41:101:20") == [41, 61, 81, 101]
    assert lengths.parse("3:5") == [3, 4, 5]
    for wrong in ("", "0:4", "5:3", "40,20", "1:9:2:1", "x"):
        with pytest.raises(ValueError, match="--lengths="):
            lengths.parse(wrong)


def test_more_lengths_than_anybody_waits_for_are_refused():
    with pytest.raises(ValueError, match="expected at most 10000 lengths; give a larger step"):
        lengths.parse("1:99999999999")


def test_figure_has_a_line_a_label_and_the_levels(tmp_path):
    curves = [curve([1.0, 0.8, 0.7]), curve([1.0, 0.9, 0.8]), curve([0.6, 0.5, 0.5], label="rnn")]
    axes = lengths.figure(curves).axes[0]
    labels = " ".join(text.get_text() for text in axes.texts)
    assert all(word in labels for word in ("lstm", "rnn", "trivial", "solved"))
    assert axes.get_xlabel() == "length"
    written = lengths.write(curves, tmp_path)
    assert [path.name for path in written] == ["lengths.json", "lengths.png"]
