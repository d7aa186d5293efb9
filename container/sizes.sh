#!/bin/sh
# container/sizes.sh: the compressed size of each target, as a registry would keep it, beside what is aimed at.
# Exit code 1 when one is larger. Needs buildah, or skopeo with docker's images.
set -eu
tag=${TAG:-latest}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
code=0
for aim in git:120 agent:350; do
  target=${aim%:*} most=${aim#*:}
  buildah push --quiet "localhost/stepherd/$target:$tag" "oci:$folder/$target" >/dev/null
  megabytes=$(du -s --apparent-size --block-size=1MB "$folder/$target" | cut -f 1)
  printf 'stepherd/%-6s %4d MB compressed, aim %d MB\n' "$target" "$megabytes" "$most"
  [ "$megabytes" -le "$most" ] || code=1
  rm -rf "${folder:?}/$target"
done
exit $code
