"""The steps, which run in containers: ``python -m stepherd.steps clone|agent|push|persist``.

    contract       what a step is given and what it gives back
    execution      one step from its environment to its result.json and exit code
    termination    SIGTERM, turned into an end in good order
    credentials    the git credentials that a request or the environment names
    clone          the repository as an archive
    agent          the agent in its workspace, its changes as a bundle
    agent_attempt  one attempt: its output, its events, what is known of it afterwards
    agent_credentials, agent_login, login_copy, agent_session   what an agent is given, and what it leaves
    agent_folders  the folders that an agent gets
    changes        recording what the agent changed
    verification   the verify command after the agent
    push           the bundle as one commit on the remote, proven
    persist        the agent's login, kept for the next run

A step knows nothing but its run folder (STEPHERD_RUN_FOLDER) and the attempt it belongs to
(STEPHERD_ATTEMPT). It writes its files first and its result last, so it can be run again at any time.
"""
