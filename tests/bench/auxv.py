#!/usr/bin/env python3
"""Runs a program for which prctl(PR_GET_AUXV) does not exist, as on kernels before 6.4: auxv.py PROGRAM ARGUMENT...

valgrind hides the vDSO from its client, also in the auxiliary vector in /proc/self/auxv. It passes prctl through, which
still returns the address of the vDSO, where nothing is mapped any more. A seccomp filter makes that call fail, so that
the client reads /proc/self/auxv instead.
"""

import ctypes
import os
import platform
import struct
import sys

PRCTL = {"x86_64": 157, "aarch64": 167}
PR_GET_AUXV, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 0x41555856, 22, 38, 2
LOAD, IS, RETURN = 0x20, 0x15, 0x06
ALLOW, EINVAL = 0x7FFF0000, 0x00050000 | 22
NUMBER, FIRST_ARGUMENT = 0, 16


def refuse(call, argument):
    """The call with that first argument fails with EINVAL; everything else passes (bpf(2), seccomp(2))."""
    program = [
        (LOAD, 0, 0, NUMBER),
        (IS, 0, 3, call),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (IS, 0, 1, argument),
        (RETURN, 0, 0, EINVAL),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    head = ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = [(PR_SET_NO_NEW_PRIVS, 1, 0), (PR_SET_SECCOMP, FILTER, ctypes.addressof(head))]
    for option, first, second in arguments:
        if libc.prctl(option, ctypes.c_ulong(first), ctypes.c_ulong(second), ctypes.c_ulong(0), ctypes.c_ulong(0)):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    if platform.machine() in PRCTL:
        refuse(PRCTL[platform.machine()], PR_GET_AUXV)
    os.execvp(sys.argv[1], sys.argv[1:])
