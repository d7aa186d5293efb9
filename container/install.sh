#!/bin/sh
# Installs Debian packages and leaves nothing behind that an image does not need.
# The build secret apt.conf, when there is one, says how this builder reaches its mirror.
set -eu
if [ -s /run/secrets/apt.conf ]; then export APT_CONFIG=/run/secrets/apt.conf; fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" >/dev/null
apt-get clean
# Nothing in an image becomes another user by being executed.
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
rm -rf /var/lib/apt/lists/* /var/cache/debconf/* /var/cache/ldconfig /var/log/* /usr/share/doc/* /usr/share/man/*
