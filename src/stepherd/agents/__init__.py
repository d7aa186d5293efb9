"""The agents: one module each behind one small contract, and the supervisor that stands around all of them.

    contract      what an agent says about itself
    registry      agents by name
    command       any command line
    apply         writes files and applies patches that the instructions hold; needs no model
    patches       unified diffs, read and applied
    command_line  a command line as words, without a shell
    environment   the environment of an agent, from an allowlist
    supervisor    runs one process within its limits and ends its whole tree
    watch         its limits, and acting on them
    listening     what is heard of it, through its reader, and what it is told
    process_tree  who descends from a process
    output        bounded output, line by line, and its transcript
    account       running as another user, and keeping this process unreadable

Import from the modules: a step loads only what it needs.
"""
