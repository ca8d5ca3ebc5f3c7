"""An encoder and a decoder: reads one sequence and writes another, of another length.

Sutskever, Vinyals & Le 2014 without attention: the decoder starts from the last states of the
encoder, layer by layer. With attention each step also reads a mean of the encoder's outputs, see
`lstmx/models/_attention.py` (Bahdanau, Cho & Bengio 2015; Luong, Pham & Manning 2015).

Inputs are a dict, of which a task makes its batches:

    source       [B, S] tokens, or vectors [B, S, X]
    source_mask  [B, S] bool, False at padding; all steps exist if it is missing
    target       [B, T] tokens: the ones before those that are to be predicted
    teacher      [B, T], 1 where `target` is read and 0 where the decoder reads the token that it
                 has chosen itself; `target` is read everywhere if it is missing

The last is scheduled sampling (Bengio, Vinyals, Jaitly & Shazeer 2015): a task makes it more rare
from step to step, and in training the token is sampled from the softmax of the step before.

Encoder and decoder have the same cells and parameters of their own. With `bidirectional` the
encoder alone is so, and the decoder starts from the states of the backward layers, as in Bahdanau
et al., who have a layer in between. The state of the model is empty: no batch continues another.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from lstmx import checks, sequence
from lstmx import precision as precisions
from lstmx.decoding import Decoder
from lstmx.models import _attention, _decoder
from lstmx.models import _parts as parts
from lstmx.models._backbone import Backbone
from lstmx.types import Array, Cell, Key, Model, Params, State, Unrolled

BIBTEX = """
@inproceedings{sutskever2014seq2seq,
  author = {Ilya Sutskever and Oriol Vinyals and Quoc V. Le},
  title = {Sequence to Sequence Learning with Neural Networks},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2014},
}
@inproceedings{bahdanau2015attention,
  author = {Dzmitry Bahdanau and Kyunghyun Cho and Yoshua Bengio},
  title = {Neural Machine Translation by Jointly Learning to Align and Translate},
  booktitle = {International Conference on Learning Representations},
  eprint = {1409.0473},
  archiveprefix = {arXiv},
  year = {2015},
}
@inproceedings{luong2015attention,
  author = {Minh-Thang Luong and Hieu Pham and Christopher D. Manning},
  title = {Effective Approaches to Attention-based Neural Machine Translation},
  booktitle = {Conference on Empirical Methods in Natural Language Processing},
  year = {2015},
}
"""

EMPTY: dict[str, Any] = {}
"""The state."""


def model(backbone: Backbone, *, attention: str = "additive", input_feeding: bool = False) -> Model:
    """Returns the model of a backbone, whose `in_features` are tokens or sizes of the source.

    Parameters are `embedding.W [V, E]` and `layers` of the encoder, `decoder.embedding.W [Y, E]`
    and `decoder.layers`, `attention` and `readout`.

    Args:
        backbone: `out_features` is the number Y of tokens of the target.
        attention: "none", "additive" or "multiplicative".
        input_feeding: whether a step of the decoder also reads what the readout read before it.

    Raises:
        ValueError: an unknown attention, input feeding without attention, a readout with a
            shortcut or an activation, cells of more than one feature axis, a layer below another
            one that is bidirectional, with outputs of another size than the decoder's.
    """
    checks.one_of("attention", attention, _attention.KINDS)
    if input_feeding and attention == "none":
        raise ValueError("input_feeding=True feeds what attention read; it needs an attention")
    if backbone.readout.shortcut or backbone.readout.activation != "identity":
        raise ValueError("readout: model 'seq2seq' has no shortcut and no activation there")
    cells = tuple(x if isinstance(x, Cell) else x[0] for x in backbone.layers)
    if any(c.feature_axes != 1 for c in cells):
        raise ValueError("model 'seq2seq' reads vectors; expected a cell with one feature axis")
    of = _decoder.Decoding(
        cells,
        backbone.embed_features,
        backbone.out_features,
        attention,
        input_feeding,
        backbone.stack,
        backbone.readout.bias,
    )
    sequence.check_widths(cells, backbone.stack.skip_connections)
    taught, itself = (_decoder.cell(of, itself=flag) for flag in (False, True))
    product = precisions.products(jnp.matmul, backbone.stack.precision)
    how: dict[str, Any] = {
        "remat_every": backbone.stack.remat_every,
        "engine": backbone.stack.engine,
        "precision": backbone.stack.precision,
    }

    def init(key: Key) -> Params:
        keys = parts.keys(key)
        params = parts.init_layers(backbone, keys)
        decoder: dict[str, Any] = {}
        if of.embed_features:
            shape = (of.out_features, of.embed_features)
            decoder["embedding"] = {"W": jax.random.normal(next(keys), shape)}
        skip = backbone.stack.skip_connections
        decoder["layers"] = sequence.init_stack(of.layers, next(keys), of.in_features, skip)
        read = _attention.init(attention, keys, of.features, backbone.hidden_features)
        readout = parts.init_readout(backbone.readout, keys, of.features, of.out_features, 0)
        return {
            **params,
            "decoder": decoder,
            **({"attention": read} if read else {}),
            "readout": readout,
        }

    expected = parts.shapes(jax.eval_shape(lambda: init(jax.random.key(0))))

    def encode(params: Params, inputs: Any, key: Key | None) -> tuple[Params, State, Unrolled]:
        """The params of the decoder's cell, its first state and the unrolled encoder."""
        parts.check_params(params, expected)
        source, mask = _checked(inputs)
        xs = parts.embed(backbone, params, source)
        read = parts.run_layers(backbone, params, source, xs, None, mask=mask, key=key)
        own = {**params["decoder"], "readout": params["readout"]}
        if attention != "none":
            mask = jnp.ones(read.outputs.shape[:2], bool) if mask is None else mask
            memory = _attention.remember(
                attention, params["attention"], read.outputs, mask, product
            )
            own = {**own, "attention": params["attention"], "read": memory}
        last = {
            name: state["backward"] if not isinstance(layer, Cell) else state
            for (name, state), layer in zip(read.state.items(), backbone.layers)
        }
        return own, last, read

    def begin(cell: Cell, own: Params, last: State, rows: int) -> State:
        return {**cell.initial_state(own, (rows,)), "layers": last}

    def run(
        params: Params,
        inputs: Any,
        state: State | None,
        *,
        mask: Array | None,
        resets: Array | None,
        key: Key | None,
        return_trace: bool,
    ) -> parts.Ran:
        del state, resets  # every row starts anew: there is nothing to reset
        key_encode, key_decode = (None, None) if key is None else jax.random.split(key)
        own, last, _ = encode(params, inputs, key_encode)
        tokens = inputs["target"]
        dtype = params["readout"]["W"].dtype
        y = _decoder.embed(of, own, tokens, dtype)
        xs = {"y": parts.mark_unknown(y, tokens, of.out_features, mask)}
        cell = taught
        if "teacher" in inputs:
            cell, xs["teacher"] = itself, jnp.asarray(inputs["teacher"], dtype)
        begun = begin(cell, own, last, tokens.shape[0])
        result = sequence.unroll(
            cell, own, xs, begun, mask=mask, key=key_decode, return_trace=return_trace, **how
        )
        h = result.outputs
        return parts.Ran(_readout(params, h), EMPTY, result.trace, h)

    def _readout(params: Params, h: Array) -> Array:
        return parts.read(backbone.readout, params["readout"], h, None, backbone.stack.precision)

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        del batch_shape
        parts.check_params(params, expected)
        return EMPTY

    def start(params: Params, inputs: Any) -> State:
        own, last, read = encode(params, inputs, None)
        own, _ = taught.prepare(own, None, (read.outputs.shape[0],), 1)
        state = begin(taught, own, last, read.outputs.shape[0])
        return {"decoder": state, **({"read": own["read"]} if attention != "none" else {})}

    one = precisions.of(taught, backbone.stack.precision)

    def step(params: Params, state: State, tokens: Array) -> tuple[State, Array]:
        own: Params = {**params["decoder"], "readout": params["readout"]}
        if attention != "none":
            own = {**own, "attention": params["attention"], "read": state["read"]}
        y = _decoder.embed(of, own, tokens, params["readout"]["W"].dtype)
        own, noise = one.prepare(own, None, tokens.shape, 1)
        noise = jax.tree.map(lambda a: a[:, 0], noise)
        after, h, _ = one.step(own, state["decoder"], {"y": y}, noise)
        return {**state, "decoder": after}, _readout(params, h[:, None])[:, 0]

    return Model(init, initial_state, *parts.surface(run), decoder=Decoder(start, step))


def _checked(inputs: Any) -> tuple[Any, Array | None]:
    """The source and its mask. Raises ValueError for inputs that are no such dict."""
    if not isinstance(inputs, Mapping) or "source" not in inputs:
        kind = f"an array {inputs.shape}" if hasattr(inputs, "shape") else type(inputs).__name__
        raise ValueError(
            f"model 'seq2seq' got {kind} as inputs; expected a dict with source, source_mask "
            "and target, as task 'translation' has it"
        )
    return inputs["source"], inputs.get("source_mask")
