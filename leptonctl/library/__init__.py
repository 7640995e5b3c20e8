"""leptonctl in Python: the commands as methods of a project, and the short form that writes declarations. Prints nothing."""
