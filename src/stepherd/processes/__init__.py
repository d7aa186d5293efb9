"""Processes of this machine: starting them, finding all that descends from them, ending it and proving it.

account      running as another user, and keeping this process unreadable
descendants  which processes descend from one, and ending them
tree         what a launched process and everything that it starts must offer
"""
