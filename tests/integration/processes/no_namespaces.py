"""Run a program as an ordinary user of a machine that allows no user namespaces: UID COMMAND…. Takes root.

The limit is set in a user namespace of its own, where all users are mapped: the machine's stays as it is.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000


def main() -> None:
    user, command = int(sys.argv[1]), sys.argv[2:]
    me = os.getpid()
    ready, go = os.pipe(), os.pipe()
    if os.fork() == 0:  # Only a process outside may map more than one user.
        os.read(ready[0], 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{me}/{name}").write_text("0 0 65536")
        os.write(go[1], b"!")
        os._exit(0)
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    os.write(ready[1], b"!")
    os.read(go[0], 1)
    os.wait()
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    os.execvp(command[0], command)


main()
