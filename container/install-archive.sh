#!/bin/sh
# install-archive.sh NAME URL SHA256: puts the programs of a .zip or .tar.gz into /usr/local/bin.
# Without a URL nothing is done; without the right checksum nothing is unpacked.
set -eu
name=$1 url=$2 sha256=$3
[ -n "$url" ] || exit 0
[ -n "$sha256" ] || { echo "$name: give its SHA-256 with its URL" >&2; exit 64; }
if [ -s /run/secrets/ca.crt ]; then export CURL_CA_BUNDLE=/run/secrets/ca.crt; fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
curl --fail --silent --show-error --location --proto '=https,file' --output "$folder/archive" "$url"
echo "$sha256  $folder/archive" | sha256sum --check --status || { echo "$name: another SHA-256" >&2; exit 65; }
mkdir "$folder/in"
case $url in
  *.zip) unzip -q "$folder/archive" -d "$folder/in" ;;
  *.tar.gz | *.tgz) tar -xzf "$folder/archive" -C "$folder/in" --no-same-owner ;;
  *) echo "$name: neither .zip nor .tar.gz: $url" >&2; exit 64 ;;
esac
# The programs are what is in a folder bin, or the archive's own one.
if [ -n "$(find "$folder/in" -type d -name bin)" ]; then
  find "$folder/in" -type f -path '*/bin/*' -exec install -m 0755 {} /usr/local/bin/ ';'
else
  find "$folder/in" -type f -name "$name" -exec install -m 0755 {} /usr/local/bin/ ';'
fi
command -v "$name" >/dev/null || { echo "$name: no such program in $url" >&2; exit 66; }
