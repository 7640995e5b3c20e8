"""The commands, one file each; what several of them share is in rooms.

`session` is what every command gets: a project with its store and state. `who` says who acts, `outcome` what an acting command returns.
Rooms: `planning` is the straight line to a plan, `applying` what an apply does after it. `recorded`: what store and state know about
versions. `rows`: where rows are held. `freeing`: what nothing needs any more. `showing`: the parts of one screen. `editing`: edits of the
YAML, and what a return would edit. `files`: files that the command line names. `proving`: compares the store with what is recorded.
"""
