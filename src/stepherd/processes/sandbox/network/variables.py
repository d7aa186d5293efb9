"""The environment by which programs find the proxy inside a sandbox."""

from __future__ import annotations

from typing import Final

__all__ = ["PROXY_PORT", "proxy_variables"]

PROXY_PORT: Final = 3128


def proxy_variables() -> dict[str, str]:
    """The variables that name the proxy, in small and capital letters, because programs agree on neither.

    Addresses on the sandbox's own loopback are reached directly: servers of the agent, and its model when
    that is on this machine.
    """
    url, direct = f"http://127.0.0.1:{PROXY_PORT}", "localhost,127.0.0.1,::1"
    named = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "ALL_PROXY": url, "NO_PROXY": direct}
    # Node's own fetch takes no notice of them without the last one (22.21, 24).
    return {**named, **{name.lower(): value for name, value in named.items()}, "NODE_USE_ENV_PROXY": "1"}
