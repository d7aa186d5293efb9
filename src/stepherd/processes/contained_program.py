"""The program of ``containment``: this file, KIND, CONTROL, STATUS, MOST_PROCESSES, UID, GID, KILLER, LOCK….

It starts one command, its leader, and stands above everything that descends from it: as the first process of
a namespace (KIND namespace), or as the parent of whatever lost its own (KIND user: the leader is another).
It takes orders from the descriptor CONTROL and answers on STATUS. The end of CONTROL ends the tree: nothing
of it outlives whoever supervises it, even when that was killed. It is run by its path and loads little,
because its start is part of every run.

    orders      a length in 16 digits, then in so many bytes, each with a zero byte behind it, the number of
                arguments, these, and the environment; g: begin; then, a line each, l NUMBER: a signal to the
                leader's group, a NUMBER: to all, e: the end of all
    answers     a line each: refused WHY, init PID, ready, failed ERRNO, began, exit CODE, empty
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import sys
from typing import Final, NoReturn

__all__ = ["main"]

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
_MS_REC, _MS_SLAVE, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 0x4000, 0x80000, 2, 4, 8
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38
_SIGINT, _SIGKILL, _SIGPIPE, _SIGXFSZ = 2, 9, 13, 25
_SIG_DFL, _SIG_IGN = None, 1
_LOOK_MILLISECONDS: Final = 100
_LIBRARY: Final = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Start the command and keep its tree."""
    kind = sys.argv[1]
    control, status, most, user, group, killer, *locks = (int(word) for word in sys.argv[2:])
    for descriptor in (control, status, *locks):
        os.set_inheritable(descriptor, False)
    _LIBRARY.signal(_SIGINT, _SIG_IGN)  # The tree may send it to the first process of its namespace.
    order = _read(control, int(_read(control, 16) or b"0"))
    try:
        if kind == "namespace":
            _enter_namespace(status)
        else:
            # The tree is ended by the user's kill(-1): no program in it may escape by changing its user.
            _control_process(_PR_SET_NO_NEW_PRIVS, 1)
            _control_process(_PR_SET_CHILD_SUBREAPER, 1)
            _say(status, f"init {os.getpid()}")
        _limit_processes(most)
    except OSError as error:
        _say(status, f"refused {error.strerror}")
        os._exit(1)
    _say(status, "ready")
    if _read(control, 1) == b"g":
        _Keeper(control, status, user, group, killer).keep(order)


def _enter_namespace(status: int) -> None:
    """Continue as the first process of a namespace, with a /proc that shows its own processes alone."""
    user, group = os.geteuid(), os.getegid()
    _checked(_LIBRARY.unshare(_CLONE_NEWPID | _CLONE_NEWNS | (_CLONE_NEWUSER if user else 0)), "unshare")
    if user:
        maps = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, text in maps.items():
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - pathlib is slow to load
                file.write(text)
    pid = os.fork()
    if pid:
        _say(status, f"init {pid}")
        os._exit(0)
    _checked(_LIBRARY.mount(None, b"/", None, _MS_REC | _MS_SLAVE, None), "mount /")
    safe = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _checked(_LIBRARY.mount(b"proc", b"/proc", b"proc", safe, None), "mount /proc")


def _limit_processes(most: int) -> None:
    """For this process and all below it; threads count. The kernel exempts root."""
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


class _Keeper:
    """Stands above the tree until it is told to end it, or until no one is left to tell it anything."""

    def __init__(self, control: int, status: int, user: int, group: int, killer: int) -> None:
        self._control, self._status = control, status
        self._user, self._group, self._killer = user, group, killer
        self._leader = 0

    def keep(self, order: bytes) -> NoReturn:
        self._leader = self._start(order)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):  # The tree's alone: their end is seen when it has closed them.
            os.dup2(nothing, standard)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        if self._leader:
            poll.register(os.pidfd_open(self._leader), select.POLLIN)
        pending = b""
        while True:
            # Also without news: what was orphaned and has ended would stay a zombie.
            for descriptor, _ in poll.poll(_LOOK_MILLISECONDS):
                if descriptor != self._control:
                    poll.unregister(descriptor)
                    continue
                said = os.read(self._control, 4096)
                *lines, pending = (pending + said).split(b"\n")
                if not said or b"e" in lines:
                    self._end()
                for line in lines:
                    self._obey(line)
            self._reap()

    def _start(self, order: bytes) -> int:
        """Start the leader; its process id, 0 when that failed."""
        result, failure = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                self._become(order)
            except OSError as error:
                os.write(failure, b"%d" % (error.errno or 0))
            os._exit(127)
        os.close(failure)
        reason = os.read(result, 16)
        os.close(result)
        _say(self._status, f"failed {reason.decode()}" if reason else "began")
        return 0 if reason else pid

    def _become(self, order: bytes) -> NoReturn:
        count, *words = order.split(b"\0")[:-1]
        argv, pairs = words[: int(count)], words[int(count) :]
        os.setsid()
        if self._user >= 0:
            os.setgroups([])
            os.setresgid(self._group, self._group, self._group)
            os.setresuid(self._user, self._user, self._user)
        for number in (_SIGINT, _SIGPIPE, _SIGXFSZ):  # Python has its own way with them.
            _LIBRARY.signal(number, _SIG_DFL)
        os.execvpe(argv[0], argv, dict(pair.split(b"=", 1) for pair in pairs))  # noqa: S606

    def _obey(self, line: bytes) -> None:
        whom, number = line.split()
        if whom == b"a":
            self._signal_all(int(number))
        elif self._leader:
            try:
                os.killpg(self._leader, int(number))
            except ProcessLookupError:
                return

    def _signal_all(self, number: int) -> None:
        if self._killer < 0:
            _kill_others(number)
        elif (pid := os.fork()) == 0:
            # The agent may not signal who is of a real and saved user that is not its own. Of the killer's
            # two users, which kill(-1) both meets, the other is not anybody's: above all not root.
            os.setresuid(self._killer, self._user, self._killer)
            _kill_others(number)
            os._exit(0)
        else:
            os.waitpid(pid, 0)

    def _reap(self) -> bool:
        """Collect the processes that have ended; whether any are left. A process that loses its parent
        becomes a child of this one, so without children nothing of the tree is left, and nothing can come."""
        try:
            while True:
                pid, how = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self._leader:
                    self._leader = 0
                    _say(self._status, f"exit {os.waitstatus_to_exitcode(how)}")
        except ChildProcessError:
            return False

    def _end(self) -> NoReturn:
        if self._killer < 0:
            os._exit(0)  # The kernel ends a namespace with its first process.
        pause = 1
        while True:
            # One call meets all that there are: whoever forks meanwhile is interrupted before it has.
            self._signal_all(_SIGKILL)
            if not self._reap():
                break
            select.poll().poll(pause)
            pause = min(2 * pause, 200)
        _say(self._status, "empty")
        os._exit(0)


def _kill_others(number: int) -> None:
    try:
        os.kill(-1, number)
    except OSError:
        return  # there are none


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _control_process(option: int, value: int) -> None:
    _checked(_LIBRARY.prctl(option, value, 0, 0, 0), "prctl")


def _read(descriptor: int, length: int) -> bytes:
    """So many bytes; fewer where the other side is gone."""
    found = b""
    while len(found) < length and (more := os.read(descriptor, length - len(found))):
        found += more
    return found


def _say(status: int, words: str) -> None:
    try:
        os.write(status, f"{words}\n".encode())
    except BrokenPipeError:
        return  # no one listens any more: the end of CONTROL says what follows from that


if __name__ == "__main__":
    main()
