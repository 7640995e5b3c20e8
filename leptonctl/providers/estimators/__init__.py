"""scikit-learn's estimators by the names of their classes: what can be used, with which parameters, and why the others cannot.

Read only when YAML names a class: the names of this project's own (`random_forest`) need nothing of it.
"""
