"""Stepherd for programs: start runs, follow them, take what they made.

    client       the client itself
    request      what is asked for
    records      what it gives: runs, states, events, lines of logs
    listing      what each run of a list is about, out of its folder
    report       how a run stands or ended
    following    a run's events and states as they come
    outcome      the same as one JSON object, and in words (outcome_text)
    run_text     runs and states in words
    wording      errors that name parameters instead of flags
    logging_in   a person's login to an agent's service

``stepherd`` itself has all names that a program needs, each loaded when it is first used.
"""
