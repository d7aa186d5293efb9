"""Processes of this machine: starting them, finding all that descends from them, ending it and proving it.

account            running as another user, and keeping this process unreadable
containment        a tree below a keeper, which is contained_program
contained_program  the keeper: above a namespace, or above all processes of the agent's own user
descendants        which processes descend from one, and ending them
launcher           the best containment that this machine offers
marked             the processes of a task, by the marker in their environment
plain              a tree without containment
reservations       users that a tree has for itself
sandbox            a command that sees its run and the system alone (Linux, bubblewrap)
table              the processes of this machine; the one reader of /proc
tree               what a launched process and everything that it starts must offer
"""
