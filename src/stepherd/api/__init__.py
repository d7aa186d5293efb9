"""The HTTP API: runs started, listed, read, stopped and redriven by whoever has an API key.

A call comes through API Gateway (payload format 2.0): ``authorizer`` judges the key, ``routes`` finds what
serves the route, and the other modules each serve one thing. Errors leave as problem documents (RFC 9457).
"""
