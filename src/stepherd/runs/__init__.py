"""A run: its request, its instructions, its folder, its results and its report.

    ids             run ids
    request         what is asked for, checked against request.schema.json
    variables       the variables that a request gives its agent
    front_matter    settings at the head of instructions.md
    instructions    finding the instructions and freezing a copy
    prepare         from a request as it was given to a run folder that steps can work from
    folder          the run folder, the only contract between steps
    result          what a step says at its end
    steps           the steps that it goes through, and what others know of each
    causes          why a state failed, in words, when its step could not say so
    report          the outcome of a run, for machines (report.json)
    report_page     the same for people (report.md)

Import from the modules: a step loads only what it needs.
"""
