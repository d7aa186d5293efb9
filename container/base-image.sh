#!/bin/sh
# container/base-image.sh NAME: makes Debian's slim image with mmdebstrap and buildah, where there is no image
# registry: in CI, or behind a closed network. The suite is part of the name: …/debian:trixie-slim.
set -eu
name=$1
suite=${name##*:}
suite=${suite%-slim}
tar=$(mktemp --suffix=.tar)
trap 'rm -f "$tar"' EXIT
# What Debian's own slim images leave out, too.
mmdebstrap --quiet --variant=minbase \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"/var/cache/*' \
  "$suite" "$tar" ${DEBIAN_MIRROR:-}
container=$(buildah from scratch)
buildah add --quiet "$container" "$tar" / >/dev/null
buildah config --cmd bash "$container"
buildah commit --quiet --rm "$container" "$name" >/dev/null
echo "$name"
