"""The LSTM of Gers, Schraudolph & Schmidhuber 2002, with peepholes."""

from reference import _blocks

CASES = {
    "blocks": {"block_size": 3},
    "squashed": {"input_activation": "wide", "output_activation": "narrow", "recurrence": "all"},
    "no-cell-bias": {"biases": "gates", "block_size": 2},
}
RECALL = {"default": {"weight_range": 0.5, "forget_bias": (1.0,) * 8}}
REFUSED = {
    "hidden_size=0": {"hidden_size": 0},
    "hidden_size=7 does not divide into blocks": {"hidden_size": 7, "block_size": 2},
    "biases 'gate'; did you mean 'gates'": {"biases": "gate"},
    "forget_bias=.*for each of the 64 blocks": {"forget_bias": (1.0,)},
}


def parameters(
    in_features, hidden_size, *, block_size=1, recurrence="cells", biases="all", **options
):
    return _blocks.parameters(
        in_features,
        hidden_size,
        gates="ifo",
        block_size=block_size,
        recurrence=recurrence,
        biases=biases,
        peepholes=True,
    )


def run(
    params,
    xs,
    *,
    hidden_size=64,
    block_size=1,
    recurrence="cells",
    biases="all",
    input_activation="identity",
    output_activation="identity",
    **starts,
):
    return _blocks.run(
        params,
        xs,
        hidden_size=hidden_size,
        gates="ifo",
        block_size=block_size,
        recurrence=recurrence,
        biases=biases,
        peepholes=True,
        squash=input_activation,
        output=output_activation,
    )
