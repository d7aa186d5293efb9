#!/bin/sh
# pip with what the builder says of its index (build secret pip.conf) and its certificates (ca.crt).
set -eu
if [ -s /run/secrets/pip.conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip.conf; fi
if [ -s /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi
exec python3 -m pip --disable-pip-version-check --quiet "$@"
