"""Arrays by name in files: `.safetensors` and `.npz`. Nothing is ever unpickled."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from lstmx.types import Array

PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".npy")


def read(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a `.safetensors` or `.npz` file, by name.

    Raises:
        ValueError: another kind of file; one that holds pickled objects, which run code when they
            are read; one that is damaged.
    """
    path = _checked(path)
    try:
        if path.suffix == ".safetensors":
            return safetensors.numpy.load_file(path)
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, KeyError, safetensors.SafetensorError) as error:
        raise ValueError(
            f"{path} holds no plain arrays ({str(error).splitlines()[0]}); "
            "write it anew, without objects, by numpy.savez or safetensors"
        ) from error


def write(path: str | Path, arrays: Mapping[str, Array | np.ndarray]) -> None:
    """Write arrays by name to a `.safetensors` or `.npz` file.

    Raises:
        ValueError: another kind of file; a tree of arrays where arrays are expected.
    """
    path, plain = _checked(path), {}
    for name, value in arrays.items():
        if isinstance(value, Mapping):
            raise ValueError(
                f"{name!r} is a tree; a file holds arrays by name: join its keys first, as in "
                f"'{name}/{next(iter(value), '')}'"
            )
        # A transposed view would be written in the order of its memory.
        plain[name] = np.ascontiguousarray(value).reshape(np.shape(value))
        if plain[name].dtype.hasobject:
            raise ValueError(f"{name!r} is an array of objects; expected numbers")
    if path.suffix == ".safetensors":
        safetensors.numpy.save_file(plain, path)
    else:
        np.savez(path, **plain)  # type: ignore[arg-type]


def _checked(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix in PICKLED:
        raise ValueError(
            f"{path}: {path.suffix} files may be pickles, which run code when they are read; save "
            "the arrays as .safetensors, by safetensors.torch.save_file, or as .npz, by numpy.savez"
        )
    if path.suffix not in (".safetensors", ".npz"):
        raise ValueError(f"{path}: unknown suffix {path.suffix!r}; expected .safetensors or .npz")
    return path
