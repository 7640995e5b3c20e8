"""The commands, one file each; what several of them share is in rooms.

`session` wires the parts of a project together, and `planning.line` is the straight line to a plan. `applying`: what an apply does
after it. `recorded`: what store and state know of versions. `rows`: where rows are held. `showing`: what one screen is made of.
`editing`: writes the YAML. `proving`: compares with what is recorded.
"""
