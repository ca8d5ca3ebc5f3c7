"""The LSTM of Gers, Schmidhuber & Cummins 2000, with forget gates."""

from reference import _blocks

CASES = {
    "blocks": {"block_size": 2},
    "all": {"block_size": 3, "recurrence": "all", "biases": "all", "forget_bias": (0.5, 1.0)},
}
RECALL = {"default": {"weight_range": 0.5, "forget_bias": (1.0,) * 8}}
REFUSED = {
    "hidden_size=0": {"hidden_size": 0},
    "hidden_size=7 does not divide into blocks": {"hidden_size": 7, "block_size": 2},
    "biases 'gate'; did you mean 'gates'": {"biases": "gate"},
    "forget_bias=.*for each of the 64 blocks": {"forget_bias": (1.0,)},
}


def parameters(
    in_features, hidden_size, *, block_size=1, recurrence="cells", biases="gates", **options
):
    return _blocks.parameters(
        in_features,
        hidden_size,
        gates="ifo",
        block_size=block_size,
        recurrence=recurrence,
        biases=biases,
        peepholes=False,
    )


def run(
    params,
    xs,
    *,
    hidden_size=64,
    block_size=1,
    recurrence="cells",
    biases="gates",
    input_activation="wide",
    output_activation="narrow",
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
        peepholes=False,
        squash=input_activation,
        output=output_activation,
    )
