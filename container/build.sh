#!/bin/sh
# container/build.sh [ARGUMENT…]: builds localhost/stepherd/git and localhost/stepherd/agent with docker, podman or buildah.
#   BUILDER=buildah               which one; default: the first that works
#   TAG=latest  TARGETS='git agent'
#   BASE_IMAGE                    instead of that of base-image.lock, or else Debian's slim image
#   RELEASE=1                     refuse a base image that is not named by digest
#   PIP_CONF, APT_CONF, NPMRC, CA_CERT   files that say where this machine gets packages from. Default of the
#                                 first: what its pip is configured with; of the last: its own certificates.
# ARGUMENTs go to the builder, such as --build-arg CLAUDE_CODE_VERSION=2.1.197.
set -eu
cd "$(dirname "$0")/.."
tag=${TAG:-latest}
base=${BASE_IMAGE:-$(cat container/base-image.lock 2>/dev/null || true)}
case ${RELEASE:-}:$base in
  :* | *@sha256:*) ;;
  *) echo 'build.sh: a release has its base image by digest: BASE_IMAGE=NAME@sha256:…, or make lock' >&2; exit 64 ;;
esac
settings=$(mktemp -d)
trap 'rm -rf "$settings"' EXIT

builder() {
  if [ -n "${BUILDER:-}" ]; then echo "$BUILDER"
  elif docker info >/dev/null 2>&1; then echo docker
  elif command -v podman >/dev/null; then echo podman
  elif command -v buildah >/dev/null; then echo buildah
  else echo 'build.sh: install docker, podman or buildah' >&2; exit 69
  fi
}

pip_settings() { # the index that pip uses on this machine, be it set by file or by variable; the last one wins
  echo '[global]'
  python3 -m pip config list 2>/dev/null \
    | sed -n "s/^[^=]*\.\(index-url\|trusted-host\|proxy\|timeout\)='\(.*\)'\$/\1 = \2/p" \
    | awk -F ' = ' '{ found[$1] = $0 } END { for (name in found) print found[name] }'
}

if [ -z "${PIP_CONF:-}" ]; then
  PIP_CONF=$settings/pip.conf
  pip_settings >"$PIP_CONF"
fi
CA_CERT=${CA_CERT:-${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}}
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' src/stepherd/__init__.py)
revision=$(git rev-parse HEAD 2>/dev/null || true)
chosen=$(builder)
# buildah alone keeps nothing of one target for the next unless it is told to.
case $chosen in buildah) set -- build --layers "$@" ;; *) set -- build "$@" ;; esac
[ -z "$base" ] || set -- "$@" --build-arg "BASE_IMAGE=$base"
# Secrets of the build never become part of a layer.
for secret in "pip.conf:$PIP_CONF" "apt.conf:${APT_CONF:-}" "npmrc:${NPMRC:-}" "ca.crt:$CA_CERT"; do
  [ ! -s "${secret#*:}" ] || set -- "$@" --secret "id=${secret%%:*},src=${secret#*:}"
done
for target in ${TARGETS:-git agent}; do
  DOCKER_BUILDKIT=1 "$chosen" "$@" --file container/Dockerfile --target "$target" --tag "localhost/stepherd/$target:$tag" \
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" .
done
