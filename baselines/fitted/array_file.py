"""Arrays in an uncompressed npz file, read only after their declared sizes and kinds were looked at."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MOST_BYTES = 1 << 30  # of all arrays: a reader's memory (a)
_MOST_ARRAYS = 10_000  # (a)
_KINDS = "biuf"  # truth values and numbers: no objects, so no pickle


def write(path: Path, arrays: Sequence[Array]) -> None:
    """Write arrays as 0.npy, 1.npy, ... of one npz file.

    Parameters
    ----------
    path : Path
        New file.
    arrays : sequence of ndarray
        Of numbers that are finite.

    Raises
    ------
    ValueError
        If `read` would refuse one of them.
    """
    for array in arrays:
        _check(array.dtype, array.shape)
        _check_finite(array)
    if sum(a.nbytes for a in arrays) > MOST_BYTES:
        raise ValueError(f"its arrays take more than the {MOST_BYTES >> 20:,} MiB that a file may hold")
    with path.open("wb") as file:
        np.savez(file, **{str(i): np.ascontiguousarray(a) for i, a in enumerate(arrays)})  # type: ignore[arg-type]


def read(path: Path) -> list[Array]:
    """Read what `write` wrote; no size is believed before it was compared with that of the file.

    Parameters
    ----------
    path : Path
        File of any origin.

    Returns
    -------
    list of ndarray
        In their order.

    Raises
    ------
    ValueError, zipfile.BadZipFile
        If the file is no such file.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > _MOST_ARRAYS:
            raise ValueError(f"{path.name} holds {len(members):,} arrays, more than {_MOST_ARRAYS:,}")
        names = [f"{i}.npy" for i in range(len(members))]
        if [m.filename for m in members] != names:
            raise ValueError(f"{path.name} holds other members than {names[0] if names else 'none'} and so on")
        size = sum(m.file_size for m in members)
        if size > min(MOST_BYTES, path.stat().st_size):
            raise ValueError(f"{path.name} declares {size:,} bytes of arrays, more than it has or may have")
        if any(m.compress_type != zipfile.ZIP_STORED or m.flag_bits & 1 for m in members):
            raise ValueError(f"{path.name} is compressed or encrypted, which no file of ours is")
        return [_array(archive, m) for m in members]


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    with archive.open(member) as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"array {member.filename} is of another version of NumPy's format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        _check(dtype, shape)
        if fortran and len(shape) > 1:
            raise ValueError(f"array {member.filename} lies column by column")
        length = math.prod(shape) * dtype.itemsize
        if length != member.file_size - stream.tell():
            raise ValueError(f"array {member.filename} of shape {shape} has {member.file_size:,} bytes")
        array = np.frombuffer(stream.read(), dtype).reshape(shape)
    _check_finite(array)
    return array


def _check(dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if dtype.kind not in _KINDS or dtype.hasobject or dtype.itemsize > 8:
        raise ValueError(f"an array holds {dtype}, not truth values or numbers")
    if any(n < 0 for n in shape) or len(shape) > 4:
        raise ValueError(f"an array has the shape {shape}")


def _check_finite(array: Array) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("an array holds numbers that are not finite")
