"""The agents: one module each behind one small contract, and the supervisor that stands around all of them.

    contract      what an agent says about itself
    registry      agents by name
    command       any command line
    apply         writes files and applies patches that the instructions hold; needs no model
    claude, q, kiro, codex, opencode
                  CLIs with a model behind them; each begins with the table of how its outcomes are judged
    …_reader, json_lines
                  what such a CLI prints, as events and as evidence
    judgement     what ends every agent alike
    prompt        what a model is told
    credentials   what stands in for a person's login
    inventory     what is installed, logged in, missing (``stepherd agents``)
    patches       unified diffs, read and applied
    command_line  a command line as words, without a shell
    environment   the environment of an agent, from an allowlist
    supervisor    runs one process within its limits and ends its whole tree
    watch         its limits, and acting on them
    listening     what is heard of it, through its reader, and what it is told
    output        bounded output, line by line, and its transcript

Import from the modules: a step loads only what it needs.
"""
