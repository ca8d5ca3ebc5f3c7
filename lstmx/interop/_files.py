"""Arrays by name in files: `.safetensors` and `.npz`. Nothing is ever unpickled.

Types stay as they are. `.npz` cannot keep bfloat16: NumPy writes its bytes without the type.
Neither format keeps types of 8 and fewer bits that are not NumPy's.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from lstmx.interop import _npz
from lstmx.types import Array

PICKLED = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".npy")
"""Suffixes of files that may be pickles."""
DAMAGED = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,  # safetensors: a type that NumPy has no name for
    MemoryError,  # safetensors: a shape that was never written
    OverflowError,
    safetensors.SafetensorError,
)
"""Errors of the readers at files of another format or damaged ones."""


def read(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a `.safetensors` or `.npz` file, by name.

    Raises:
        ValueError: another kind of file; one with pickled objects, which run code when they are
            read; a damaged one; an array without a type, such as bfloat16 in `.npz`.
        FileNotFoundError: no such file.
    """
    path = _checked(path)
    try:
        safe = path.suffix == ".safetensors"
        arrays = safetensors.numpy.load_file(path) if safe else _npz.read(path)
    except FileNotFoundError:
        raise
    except (*DAMAGED, OSError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        reason = "".join(c if c.isprintable() else "?" for c in line)  # it may quote the file
        raise ValueError(
            f"{path} holds no plain arrays ({reason}); "
            "write it anew, without objects, by numpy.savez or safetensors"
        ) from error
    for name, array in arrays.items():
        if array.dtype.type is np.void and array.dtype.names is None:  # not bfloat16, of kind V too
            raise ValueError(
                f"{path}: {name!r} is {array.dtype}, bytes without a type, as .npz has of "
                "bfloat16; write it anew as .safetensors, which keeps the type"
            )
    return arrays


def write(path: str | Path, arrays: Mapping[str, Array | np.ndarray]) -> None:
    """Write arrays by name to a `.safetensors` or `.npz` file.

    Raises:
        ValueError: another kind of file; a tree in place of an array; a type that the file does
            not keep.
    """
    path, plain = _checked(path), {}
    for name, value in arrays.items():
        if isinstance(value, Mapping):
            raise ValueError(
                f"{name!r} is a tree; a file holds arrays by name: join its keys first, as in "
                f"'{name}/{next(iter(value), '')}'"
            )
        # Else safetensors would write a transposed view in the order of its memory.
        plain[name] = np.ascontiguousarray(value).reshape(np.shape(value))
        if plain[name].dtype.hasobject:
            raise ValueError(f"{name!r} is an array of objects; expected numbers")
        _check_type(path.suffix, name, plain[name].dtype)
    if path.suffix == ".safetensors":
        safetensors.numpy.save_file(plain, path)
    else:
        np.savez(path, **plain)  # type: ignore[arg-type]


def _check_type(suffix: str, name: str, dtype: np.dtype) -> None:
    """Refuse a type that `read` would not restore. Raises ValueError."""
    native = dtype.type.__module__ == "numpy"
    if suffix == ".npz" and not native:
        better = ".safetensors" if dtype.name == "bfloat16" else "float32"
        raise ValueError(f"{name!r} is {dtype}, which .npz does not keep; expected {better}")
    plain = native and dtype.kind in "biuf" and dtype.itemsize <= 8
    if suffix == ".safetensors" and not plain and dtype.name != "bfloat16":
        raise ValueError(
            f"{name!r} is {dtype}, which .safetensors does not keep for NumPy; expected float32"
        )


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
