#!/bin/sh
# container/build.sh [ARGUMENT…]: builds stepherd/git and stepherd/agent with docker, podman or buildah.
#   BUILDER=buildah               which one; default: the first that is there and works
#   TAG=latest  TARGETS='git agent'
#   BASE_IMAGE, PIP_CONF, APT_CONF, NPMRC, CA_CERT   see docs/how-to-use-the-image.md
# ARGUMENTs go to the builder, such as --build-arg CLAUDE_CODE_VERSION=2.1.197.
set -eu
cd "$(dirname "$0")/.."
tag=${TAG:-latest}

builder() {
  if [ -n "${BUILDER:-}" ]; then echo "$BUILDER"
  elif docker info >/dev/null 2>&1; then echo docker
  elif command -v podman >/dev/null && [ -z "${BUILDAH_ISOLATION:-}" ]; then echo podman
  elif command -v buildah >/dev/null; then echo buildah
  else echo 'build.sh: install docker, podman or buildah' >&2; exit 69
  fi
}

secret() { # secret ID FILE: passes a file to the build that never becomes part of a layer
  [ -z "$2" ] || printf -- '--secret=id=%s,src=%s\n' "$1" "$2"
}

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' src/stepherd/__init__.py)
revision=$(git rev-parse HEAD 2>/dev/null || true)
chosen=$(builder)
# buildah alone keeps nothing of one target for the next unless it is told to.
case $chosen in buildah) set -- build --layers "$@" ;; *) set -- build "$@" ;; esac
[ -z "${BASE_IMAGE:-}" ] || set -- "$@" --build-arg "BASE_IMAGE=$BASE_IMAGE"
for option in $(secret pip.conf "${PIP_CONF:-}") $(secret apt.conf "${APT_CONF:-}") \
  $(secret npmrc "${NPMRC:-}") $(secret ca.crt "${CA_CERT:-}"); do
  set -- "$@" "$option"
done
for target in ${TARGETS:-git agent}; do
  DOCKER_BUILDKIT=1 "$chosen" "$@" --file container/Dockerfile --target "$target" --tag "stepherd/$target:$tag" \
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" .
done
