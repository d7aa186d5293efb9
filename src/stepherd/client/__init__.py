"""Stepherd for programs: start runs, follow them, take what they made.

    client       the client itself
    request      what is asked for
    records      what it gives: runs, states, events, lines of logs
    report       how a run stands or ended
    following    a run's events and states as they come
    outcome      the same as one JSON object, and in words (outcome_text)
    logging_in   a person's login to an agent's service

``import stepherd`` gives all of it without loading anything before it is used.
"""

from stepherd.client.client import Client
from stepherd.client.records import Event, Login, LogLine, Run, State, Stopped, Update, Waiting
from stepherd.client.report import Failure, FileChange, Report
from stepherd.client.request import Request

__all__ = [
    "Waiting",
    "Client",
    "Event",
    "Failure",
    "FileChange",
    "LogLine",
    "Login",
    "Report",
    "Request",
    "Run",
    "State",
    "Stopped",
    "Update",
]
