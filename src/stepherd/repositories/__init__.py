"""Git made safe.

    address      a repository's URL or path, judged before git sees it
    refs         names of branches and other refs, judged likewise
    credentials  a token or key for one remote, in files that live as long as one call
    own          the credential helpers and identity of the person's own git configuration
    process      one child process, bounded in time and output, killed with its whole group
    git          git with a fixed configuration and an environment from an allowlist
    failures     git's words turned into the error tree
    remote       one remote, opened with its credentials: list, fetch, push
    uncommitted  changes of a work tree that a clone leaves behind
    probe        does a remote answer, and does it have the base?
    clone        a shallow workspace
    clone_submodules  those of a workspace, when asked
    changes      what an agent changed, as one commit in a bundle
    gitlinks     submodules in it: commit and entry in .gitmodules together
    filtered     files with a filter in it: pointers for Git LFS, nothing for others
    bundle       the file that carries the changes from the agent to the push
    scan         what must not be pushed: secrets, huge files, nested repositories, links outwards
    push         from a bundle to a proven branch
    message      commit messages and identities without surprises
    lfs_upload   contents of Git LFS to where the repository keeps them
    links        where a forge shows the branch
    workspace    a folder as a tar.zst archive and back

Import from the modules: a step loads only what it needs.
"""
