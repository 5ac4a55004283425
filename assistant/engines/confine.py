"""What the operating system holds a process to: its memory, and the one folder it may touch.

Landlock (Linux 5.13 and later) needs no privileges. It binds the calling thread and every thread
and process that starts from it afterwards, for good.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
import sys
from pathlib import Path

# Syscall numbers (the same on every architecture) and prctl's PR_SET_NO_NEW_PRIVS.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF, NO_NEW_PRIVILEGES = 444, 445, 446, 38
# How many of the file access rights each Landlock version knows.
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}


def limit_memory(megabytes: int) -> None:
    """Bounds this process to `megabytes` of address space more than it has, and forbids core files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # macOS has neither the file nor the limit
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        # Should the machine run out of memory, this process goes first.
        Path("/proc/self/oom_score_adj").write_text("1000")


def forbid_files(but: Path) -> bool:
    """From now on this thread opens nothing outside the folder `but`, and no network connection.

    Files already open stay usable. False, and nothing changed, when the system has no Landlock or
    when the process has a second thread already, which would stay as free as it is.
    """
    if sys.platform != "linux" or len(os.listdir("/proc/self/task")) > 1:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    rights = (1 << FILE_RIGHTS.get(version, 16)) - 1
    # Handled rights: files, network (bind and connect), scope (abstract sockets and signals).
    handled = struct.pack("QQQ", rights, 3, 3)[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = libc.syscall(CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    folder = os.open(but, os.O_PATH | os.O_DIRECTORY)
    try:
        return bool(
            rules >= 0
            and libc.syscall(ADD_RULE, rules, 1, struct.pack("=Qi", rights, folder), 0) == 0
            and libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
            and libc.syscall(RESTRICT_SELF, rules, 0) == 0
        )
    finally:
        os.close(folder)
        if rules >= 0:
            os.close(rules)
