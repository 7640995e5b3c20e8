"""Executors: where steps run. `task.py` is the seam, `local.py` runs them in worker processes of this machine."""
