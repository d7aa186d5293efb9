#!/bin/sh
# check-image git|agent: whether an image can do what its tasks need. Part of the build: a bad image is none.
set -eu
bad() { echo "check-image: $*" >&2; exit 1; }

python -P -c 'import boto3, stepherd.engine.local, stepherd.preloaded' || bad "the steps cannot be imported"
for program in git ssh tini stepherd; do
  command -v "$program" >/dev/null || bad "$program is missing"
done
git --version
ssh -V 2>&1
[ -s /etc/ssl/certs/ca-certificates.crt ] || bad "there are no certificates"
[ ! -e /opt/stepherd/bin/pip ] || bad "pip has no business in Stepherd's environment"
writable=$(find /opt/stepherd ! -type l \( ! -user root -o -perm /022 \) | head -n 1)
[ -z "$writable" ] || bad "others may write $writable"
setuid=$(find / -xdev -type f -perm /6000 | head -n 1)
[ -z "$setuid" ] || bad "$setuid runs as somebody else"
[ "$(stat -c %a /tmp)" = 1777 ] || bad "not everybody can write to /tmp"
[ "$1" = agent ] || exit 0

for program in aws curl gh jq node npm rg; do
  command -v "$program" >/dev/null || bad "$program is missing"
done
install -m 0600 /dev/null /root/.private
as_agent() { setpriv --reuid=agent --regid=agent --clear-groups "$@"; }
[ "$(as_agent id -u)" != 0 ] || bad "agent is root"
# What belongs to the supervisor is neither read nor changed by the agent.
for path in /root/.private /etc/shadow; do
  if as_agent head -c 1 "$path" >/dev/null 2>&1; then bad "agent can read $path"; fi
done
for path in /opt/stepherd /usr/local/bin /etc /root; do
  if as_agent test -w "$path"; then bad "agent can write $path"; fi
done
as_agent python -P -c 'import stepherd' || bad "agent cannot run python"
rm /root/.private
