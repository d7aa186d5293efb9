#!/bin/sh
# container/renew-locks.sh: renews what images and layer are made of; 'make lock' runs it. Needs uv.
#   container/requirements.lock   Stepherd's dependencies with the extra aws, for the image's Python, whichever it is
#   container/build.lock          what makes Stepherd's wheel
#   layer/requirements.lock       what functions share, for Lambda's Python
#   container/base-image.lock     the base image by digest; needs skopeo, or docker with buildx
# Versions and the hashes of all their files, for every platform: never where they came from.
set -eu
cd "$(dirname "$0")/.."
base=public.ecr.aws/docker/library/debian:trixie-slim
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
# The index is the one that pip uses on this machine.
index=$(python3 -m pip config get global.index-url 2>/dev/null || true)
[ -z "$index" ] || export UV_DEFAULT_INDEX="$index"

lock() { # FILE ARGUMENT…: FILE gains what uv resolves
  file=$1
  shift
  uv pip compile --quiet --upgrade --generate-hashes --only-binary :all: --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --output-file "$new/lock" "$@" >/dev/null
  cat "$new/lock" >>"$new/$file"
  rm "$new/lock"
}

lock image --universal --python-version 3.11 --extra aws pyproject.toml
printf '%s\n' "$(sed -n 's/^requires = \["\(.*\)"\]$/\1/p' pyproject.toml)" >"$new/build.in"
lock build --universal --python-version 3.11 "$new/build.in"
lambda='--python-version 3.13 --python-platform aarch64-manylinux2014'
# shellcheck disable=SC2086 # options
lock layer $lambda layer/requirements.txt
# shellcheck disable=SC2086
lock layer $lambda --no-deps layer/without-dependencies.txt
mv "$new/image" container/requirements.lock
mv "$new/build" container/build.lock
mv "$new/layer" layer/requirements.lock
# The digest of the base's index, which is that of all its platforms. A program that fails ends this script.
if command -v skopeo >/dev/null; then skopeo inspect --raw "docker://$base" >"$new/base"
elif docker buildx version >/dev/null 2>&1; then docker buildx imagetools inspect --raw "$base" >"$new/base"
fi
if [ -s "$new/base" ]; then
  echo "$base@sha256:$(sha256sum <"$new/base" | cut -d ' ' -f 1)" >container/base-image.lock
else
  echo 'renew-locks.sh: without skopeo or docker the base image keeps its digest' >&2
fi
