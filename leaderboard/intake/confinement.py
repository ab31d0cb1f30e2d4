"""A process that can read what it is told to, and nothing else: Linux's Landlock, where the kernel has it.

The interface is that of the kernel's documentation (userspace-api/landlock); no library of the field wraps it in a
release.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, by the same number everywhere
_ASK_VERSION, _PATH_BENEATH = 1, 1
_SET_PARENT_DEATH_SIGNAL, _SET_NO_NEW_PRIVILEGES = 1, 38  # of prctl
# Rights over files: the first 13 from version 1 on, then refer, truncate and ioctl on devices.
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_OF_FILES = _EXECUTE | 1 << 1 | _READ_FILE | 1 << 14 | 1 << 15  # the others are about folders
_NETWORK_VERSION, _BIND_AND_CONNECT = 4, 3


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Version of Landlock that this kernel has; 0: none."""
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)))


def confine(readable: Iterable[Path], writable: Iterable[Path]) -> bool:
    """Take from this process, for ever, all files but those named, and TCP (from version 4 on).

    What is open already stays open.

    Parameters
    ----------
    readable, writable : iterable of Path
        Files, or folders with all that they hold; those that do not exist are left out.

    Returns
    -------
    bool
        False if this kernel has no Landlock: nothing is taken then.

    Raises
    ------
    OSError
        If the kernel refuses.
    """
    has = version()
    if not has:
        return False
    rights = (1 << max(n for known, n in _RIGHTS.items() if known <= has)) - 1
    network = _BIND_AND_CONNECT if has >= _NETWORK_VERSION else 0
    size = ctypes.sizeof(_Ruleset) if network else ctypes.sizeof(ctypes.c_uint64)
    rules = _checked(_libc().syscall(_CREATE_RULESET, ctypes.byref(_Ruleset(rights, network)), size, 0))
    try:
        for paths, allowed in ((readable, _EXECUTE | _READ_FILE | _READ_FOLDER), (writable, rights)):
            for path in paths:
                _allow(rules, path, allowed & rights)
        _checked(_libc().prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _checked(_libc().syscall(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)
    return True


def end_with_parent() -> None:
    """Have this process killed when the thread that forked it ends."""
    _checked(_libc().prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))


def _allow(rules: int, path: Path, allowed: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = _Beneath(allowed if path.is_dir() else allowed & _OF_FILES, handle)
        _checked(_libc().syscall(_ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(handle)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result
