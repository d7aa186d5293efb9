"""Processes of this machine: starting them, finding all that descends from them, ending it and proving it.

tree    what a launched process and everything that it starts must offer
"""
