"""Processes of this machine: starting them, finding all that descends from them, ending it and proving it.

account      running as another user, and keeping this process unreadable
descendants  which processes descend from one, and ending them
marked       the processes of a task, by the marker in their environment
sandbox      a command that sees its run and the system alone (Linux, bubblewrap)
table        the processes of this machine; the one reader of /proc
tree         what a launched process and everything that it starts must offer
"""
