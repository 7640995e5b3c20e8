"""The commands, one file each. `line` is the straight line to a plan; `session` is the one wiring of a project's parts."""
