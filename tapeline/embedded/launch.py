"""Become another program that cannot outlive its parent, if asked as another user.

Run by path with `python -I -S launch.py PARENT_PID SIGNAL UID GID program arguments…`; standard library
only, so that it costs 20 ms. UID -1 keeps the user. It exists because Postgres refuses to run as root and
because a supervisor killed with -9 can end nobody: on Linux the kernel does it (PR_SET_PDEATHSIG), and
changing the user clears that setting, so both are done here, in this order, just before exec. It must not
read or write any file.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
_DAC_OVERRIDE = 1 << 1
_DAC_READ_SEARCH = 1 << 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Set(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _become(uid: int, gid: int) -> None:
    """Drop root for good, keeping (on Linux) only the right to walk through folders such as /root."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc is not None:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if libc is not None:
        _keep_search_right(libc)


def _keep_search_right(libc: ctypes.CDLL) -> None:
    header = _Header(_CAPABILITY_VERSION_3, 0)
    sets = (_Set * 2)()
    if libc.capget(ctypes.byref(header), ctypes.byref(sets)) != 0:
        return
    # a container may lack one of the two; either lets a path below a closed folder be reached
    kept = sets[0].permitted & (_DAC_OVERRIDE | _DAC_READ_SEARCH)
    for at, mask in ((0, kept), (1, 0)):
        sets[at].effective = sets[at].permitted = sets[at].inheritable = mask
    if libc.capset(ctypes.byref(header), ctypes.byref(sets)) == 0:
        for capability in (1, 2):
            if kept & (1 << capability):
                libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)


def _die_with_parent(parent: int, signal_number: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above took effect
        sys.exit(1)


def main(arguments: list[str]) -> None:
    parent, signal_number, uid, gid = (int(argument) for argument in arguments[:4])
    if uid >= 0:
        _become(uid, gid)
    _die_with_parent(parent, signal_number)
    os.execv(arguments[4], arguments[4:])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
