"""The LSTM of Hochreiter & Schmidhuber 1997."""

from reference import _blocks

CASES = {
    "blocks": {"block_size": 2},
    "plain": {},
    "gates-biased": {"block_size": 3, "biases": "gates", "input_bias": (-1.0, -3.0)},
    "long-lag": {"output_gate": False, "recurrence": "none", "biases": "none"},
    "cells-feed": {"recurrence": "cells", "input_activation": "tanh"},
}
QUICK = ("blocks", "long-lag")
RECALL = {"blocks": {"block_size": 2, "weight_range": 0.5}}
REFUSED = {
    "hidden_size=0": {"hidden_size": 0},
    "hidden_size=7 does not divide into blocks": {"hidden_size": 7, "block_size": 2},
    "recurrence 'al'; did you mean 'all'": {"recurrence": "al"},
    "biases 'gate'; did you mean 'gates'": {"biases": "gate"},
    "input_activation 'wid'; did you mean 'wide'": {"input_activation": "wid"},
    "weight_range=0.0; expected a number above 0": {"weight_range": 0.0},
    "expected a number for each of the 2 blocks": {
        "hidden_size": 4,
        "block_size": 2,
        "input_bias": (-1.0,),
    },
    "output_bias=.* there is no such gate": {
        "hidden_size": 1,
        "output_gate": False,
        "output_bias": (-1.0,),
    },
    "input_bias=.* but biases='none'": {
        "hidden_size": 1,
        "biases": "none",
        "input_bias": (-1.0,),
    },
}


def parameters(
    in_features,
    hidden_size,
    *,
    block_size=1,
    output_gate=True,
    recurrence="all",
    biases="all",
    **options,
):
    return _blocks.parameters(
        in_features,
        hidden_size,
        gates="io" if output_gate else "i",
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
    output_gate=True,
    recurrence="all",
    biases="all",
    input_activation="wide",
    output_activation="narrow",
    **starts,
):
    return _blocks.run(
        params,
        xs,
        hidden_size=hidden_size,
        gates="io" if output_gate else "i",
        block_size=block_size,
        recurrence=recurrence,
        biases=biases,
        peepholes=False,
        squash=input_activation,
        output=output_activation,
    )
