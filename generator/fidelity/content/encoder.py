"""A real encoder of texts, where one is installed: wordllama, whose vectors of tokens come with its package."""

from __future__ import annotations

from functools import cache
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np

from generator.arrays import F32
from generator.errors import UserError

PACKAGE = "wordllama"
MISSING = f"the encoder {PACKAGE} is not installed: pip install 'siphonbench[encoder]'"


def installed() -> bool:
    """Whether the encoder's package is there."""
    return util.find_spec(PACKAGE) is not None


def encode(texts: list[str]) -> F32:
    """Mean of the token vectors of each text, brought to length 1.

    Parameters
    ----------
    texts : list of str
        The texts.

    Returns
    -------
    ndarray of float32, shape (texts, 256)
    """
    sums = token_sums(texts)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9), np.float32)


def token_sums(texts: list[str]) -> F32:
    """Sum of the token vectors of each text: what texts that are put together add up.

    Parameters
    ----------
    texts : list of str
        The texts.

    Returns
    -------
    ndarray of float32, shape (texts, 256)

    Raises
    ------
    UserError
        If the encoder is not installed.
    """
    tokenizer, vectors = _encoder()
    result = np.zeros((len(texts), vectors.shape[1]), np.float32)
    for i, encoded in enumerate(tokenizer.encode_batch(texts, add_special_tokens=False)):
        result[i] = vectors[encoded.ids].sum(axis=0)
    return result


@cache
def _encoder() -> tuple[Any, F32]:
    """Tokenizer and token vectors, read from the package's own folders: its loader looks for them elsewhere."""
    spec = util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(MISSING)
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = Path(next(iter(spec.submodule_search_locations)))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    (vectors,) = load_file(folder / "weights" / "l2_supercat_256.safetensors").values()
    return tokenizer, vectors.astype(np.float32)
