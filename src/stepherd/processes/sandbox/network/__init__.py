"""The network of a sandbox that may reach named hosts alone.

allowlist   which hosts and ports, and addresses that are refused whatever the list says
namespace   listeners inside the sandbox's network, served from here
requests    what a client asks a proxy for
egress      the proxy: it dials what the list allows
relay       copying between two connections
"""
