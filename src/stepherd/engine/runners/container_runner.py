"""Tasks in the image that their definition names, with podman or docker (docs/decisions/0007)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stepherd.engine.runners.container_client import ContainerClient
from stepherd.engine.runners.container_process import IN_CONTAINER, ContainerProcess
from stepherd.engine.runners.contract import ContainerSpec
from stepherd.engine.runners.processes import LocalProcess

__all__ = ["ContainerRunner", "Mount", "Needs"]

_AGENT_USER = "STEPHERD_AGENT_USER"
_OF_THIS_MACHINE = frozenset(
    {
        *("PATH", "PYTHONPATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK", "STEPHERD_USER_HOME", "LC_ALL"),
        _AGENT_USER,
        *("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_PROXY_SSL_CAINFO"),
    }
)
"""Variables that name what only this machine has."""
_PRIVATE_FILE = re.compile(r"file:(?!//)(/.+)")


@dataclass(frozen=True, slots=True)
class Mount:
    """A path of this machine that a container sees under the same name."""

    path: Path
    writable: bool = False


Needs = Callable[[Sequence[str], Mapping[str, str]], Iterable[Mount]]
"""The paths that a command with its environment works on, beyond those that its environment names."""


class ContainerRunner:
    """Runs containers of the definition's image, or of ``image`` where it is given."""

    def __init__(self, program: str, *, image: str = "", needs: Needs | None = None) -> None:
        self._client = ContainerClient(program)
        self._image = image
        self._needs = needs

    def process(self, folder: Path, name: str) -> LocalProcess:
        """The container of that name."""
        return ContainerProcess(folder, name, self._client)

    async def start(
        self, process: LocalProcess, spec: ContainerSpec, argv: Sequence[str], environment: Mapping[str, str]
    ) -> str | None:
        """Take up the container, if it is there already, else start it; else the reason why not."""
        assert isinstance(process, ContainerProcess), "made by process()"
        if await process.follow():
            return None
        image = self._image or spec.image
        reason = await self._client.obtain(image)
        if reason:
            return reason
        await process.clean_container()
        mounts = _each_once(
            [*_named_in(environment), *(self._needs(argv, environment) if self._needs else ())]
        )
        try:
            process.run(
                [*self._options(process, spec, mounts), image, *_shell(argv)], self._inside(spec, environment)
            )
        except (OSError, ValueError) as error:
            return f"CannotStartContainerError: {error}"
        return None

    def _options(self, process: ContainerProcess, spec: ContainerSpec, mounts: Iterable[Mount]) -> list[str]:
        driver = "k8s-file" if self._client.program == "podman" else "json-file"
        options = [
            *(self._client.program, "run", "--interactive", "--name", process.container),
            *("--label", f"stepherd.task={process.name}", "--log-driver", driver),
            *("--read-only", "--volume", "/tmp", "--workdir", "/", "--security-opt", "no-new-privileges"),  # noqa: S108
            *("--security-opt", "label=disable", "--pull", "never", "--user", self._user(spec)),
            *("--cap-drop", "ALL", *(f"--cap-add={name}" for name in sorted(spec.capabilities))),
        ]
        if spec.memory:
            options += ["--memory", f"{spec.memory}m"]
        return [*options, *(word for mount in mounts for word in ("--mount", _mount_option(mount)))]

    def _user(self, spec: ContainerSpec) -> str:
        """The user that may write to the mounts: the container's root where that is us, else our own."""
        if spec.user:
            return spec.user
        return "0:0" if self._client.root_is_us else f"{os.geteuid()}:{os.getegid()}"

    def _inside(self, spec: ContainerSpec, environment: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in environment.items() if name not in _OF_THIS_MACHINE}
        if self._user(spec).partition(":")[0] not in ("0", "root"):
            kept[_AGENT_USER] = ""  # The image names one, but its first process could not become it.
        return {"HOME": "/tmp", **kept}  # noqa: S108 - the container's own, and the only place to write


def _shell(argv: Sequence[str]) -> list[str]:
    return ["/bin/sh", "-c", IN_CONTAINER, "sh", *argv]


def _named_in(environment: Mapping[str, str]) -> Iterator[Mount]:
    """Mounts for files that variables name: a ``file:///…`` store to work in, a ``file:PATH`` secret to read.

    A reference to one object, which need not be there yet, stands for its folder: it is replaced as a whole,
    and what locks it lies beside it.
    """
    for value in environment.values():
        if value.startswith("file:///"):
            path = Path(unquote(urlsplit(value).path))
            folder = path if path.is_dir() else path.parent
            if folder.is_dir():
                yield Mount(folder, writable=True)
        elif (match := _PRIVATE_FILE.fullmatch(value)) and Path(match[1]).is_file():
            yield Mount(Path(match[1]))


def _each_once(mounts: Iterable[Mount]) -> list[Mount]:
    """One mount for a path; writable where any of them is."""
    found: dict[Path, bool] = {}
    for mount in mounts:
        found[mount.path] = found.get(mount.path, False) or mount.writable
    return [Mount(path, writable) for path, writable in found.items()]


def _mount_option(mount: Mount) -> str:
    """The option's value, which is one line of CSV."""
    fields = ["type=bind", f"source={mount.path}", f"target={mount.path}"]
    if not mount.writable:
        fields.append("readonly=true")
    if any(character in str(mount.path) for character in "\n\r"):
        raise ValueError(f"a path with a line break cannot be mounted: {str(mount.path)!r}")
    return ",".join(
        '"' + field.replace('"', '""') + '"' if set(field) & set(',"') else field for field in fields
    )
