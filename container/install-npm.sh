#!/bin/sh
# install-npm.sh PACKAGE VERSION: an agent of the npm registry, for all users. Without a version nothing is done.
# The build secret npmrc, when there is one, says which registry this builder uses.
set -eu
[ -n "$2" ] || exit 0
if [ -s /run/secrets/npmrc ]; then export NPM_CONFIG_USERCONFIG=/run/secrets/npmrc; fi
if [ -s /run/secrets/ca.crt ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca.crt; fi
npm install --global --no-audit --no-fund --loglevel=error --cache /tmp/npm "$1@$2"
rm -rf /tmp/npm /root/.npm
