"""Show what can be named in a config: python -m experiments.show cell gru

`cell`, `task`, `model`, `wrapper`, `optimizer` or `schedule` with a NAME prints its equations or
protocol, its options with defaults, and its paper; `config NAME` the protocol of a recipe and what
it sets; `key NAME` the meaning of a key. Without NAME, all names of that kind.
"""

from . import _app
from ._launch import Launch


def main(launch: Launch) -> None:
    """Print what the words of the command line name."""
    from . import _show

    print(_show.text(launch.words))


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False, words=True)
