"""Talking to podman or docker: short questions, none of which may hang the engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from dataclasses import dataclass

from stepherd.services.file_modes import umask_of_user
from stepherd.services.program_path import absolute_path

__all__ = ["Answer", "ContainerClient"]

_PASSED_ON = (
    *("PATH", "HOME", "USER", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    *("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF", "CONTAINER_HOST"),
    *("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
    *("REGISTRY_AUTH_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "DBUS_SESSION_BUS_ADDRESS"),
)
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a command of podman or docker."""

    code: int
    out: str
    error: str

    @property
    def reason(self) -> str:
        """The last line of its error, which is the one that says why."""
        lines = self.error.strip().splitlines() or self.out.strip().splitlines()
        return lines[-1].removeprefix("Error: ") if lines else f"exit code {self.code}"


class ContainerClient:
    """The program ``podman`` or ``docker``."""

    def __init__(self, program: str) -> None:
        self.program = program

    @property
    def is_there(self) -> bool:
        """Whether it is installed."""
        return shutil.which(self.program, path=absolute_path()) is not None

    @property
    def root_is_us(self) -> bool:
        """Whether root in a container is the user of this process outside: so it is for root, and for podman,
        which gives every user a name space of its own."""
        return os.geteuid() == 0 or (self.program == "podman" and "CONTAINER_HOST" not in os.environ)

    def environment(self) -> dict[str, str]:
        """The variables by which the container program finds its own configuration; nothing private."""
        given = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return given | {"PATH": absolute_path()}

    async def ask(self, *words: str, seconds: float | None = _SECONDS) -> Answer:
        """Run one command to its end. One that takes too long is killed and answers as if it had failed."""
        try:
            process = await asyncio.create_subprocess_exec(
                self.program,
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self.environment(),
                start_new_session=True,
                umask=umask_of_user(),
            )
        except OSError as error:
            return Answer(127, "", f"{self.program}: {error.strerror}")
        try:
            out, err = await asyncio.wait_for(process.communicate(), seconds)
        except TimeoutError:
            return Answer(124, "", f"{self.program} {words[0]} did not answer for {seconds:.0f} seconds")
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())
        return Answer(process.returncode or 0, _text(out), _text(err))

    async def state_of(self, container: str) -> dict[str, str]:
        """A container's state: status, code, oom; empty when there is none."""
        form = "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}"
        answer = await self.ask("container", "inspect", "--format", form, container)
        words = answer.out.split()
        return dict(zip(("status", "code", "oom"), words, strict=True)) if len(words) == 3 else {}

    async def obtain(self, image: str) -> str | None:
        """See to it that an image is there; the reason, in ECS's words, when it cannot be pulled."""
        found = await self.ask("image", "inspect", "--format", "{{.Id}}", image)
        if found.code == 0:
            return None
        if found.code in (124, 127):
            return f"CannotPullContainerError: {found.reason}"
        pulled = await self.ask("pull", "--quiet", image, seconds=None)
        return None if pulled.code == 0 else f"CannotPullContainerError: {image}: {pulled.reason}"


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace")
