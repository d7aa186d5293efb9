#!/bin/sh
# make demo: a real repository is cloned, an agent works on real instructions, a commit is pushed to a branch.
# Everything lies in .demo/, which may be removed at any time.
set -eu
stepherd=$1
here=$(cd "$(dirname "$0")" && pwd)
place=$(dirname "$here")/.demo
export STEPHERD_HOME="$place/home"
# The user's own git configuration plays no part in what the demo's repository is made with.
plain() { GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -c user.name=Demo -c user.email=demo@example.com "$@"; }

if [ ! -d "$place/origin.git" ]; then
  rm -rf "$place" && mkdir -p "$place"
  cp -R "$here/hello/repository" "$place/first"
  plain -C "$place/first" init -q -b main
  plain -C "$place/first" add -A
  plain -C "$place/first" commit -q -m 'A small program that tells the tides'
  plain clone -q --bare "$place/first" "$place/origin.git"
  rm -rf "$place/first"
fi

echo "A repository:  .demo/origin.git"
echo "Instructions:  examples/hello/instructions.md"
echo
branch=$("$stepherd" run --repo "$place/origin.git" --instructions "$here/hello")
run=${branch#stepherd/}

echo
echo "What the remote has now (git log, git diff --stat):"
plain -C "$place/origin.git" log -1 --format='  branch  %S%n  commit  %H%n  author  %an <%ae>%n  subject %s' "$branch"
plain -C "$place/origin.git" diff --stat main "$branch" | sed 's/^/  /'
echo
echo "Try next:"
echo "  export STEPHERD_HOME=$place/home PATH=$(dirname "$stepherd"):\$PATH"
echo "  stepherd status $run"
echo "  stepherd logs $run"
echo "  stepherd run --repo YOUR_REPO --instructions YOUR_FILE.md --command 'date > when.txt'"
