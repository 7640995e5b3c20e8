"""The commands, one file each. `line` is the straight line to a plan; `session` wires the parts of a project together."""
