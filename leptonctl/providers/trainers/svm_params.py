"""Parameter schemas of the kernel machines, shared by svm for classes and for values."""

from leptonctl.spi.learning import Schema

KERNEL: dict[str, Schema] = {
    "C": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 1.0,
        "description": "Inverse of the strength of the penalty: smaller is stronger.",
    },
    "kernel": {"enum": ["linear", "poly", "rbf", "sigmoid"], "default": "rbf", "description": "How two rows are compared."},
    "degree": {"type": "integer", "minimum": 0, "default": 3, "description": "Degree of the kernel poly."},
    "gamma": {
        "anyOf": [{"enum": ["scale", "auto"]}, {"type": "number", "minimum": 0}],
        "default": "scale",
        "description": "Width of the kernels rbf, poly and sigmoid: scale is 1 / (features x variance), auto is 1 / features.",
    },
    "coef0": {"type": "number", "default": 0.0, "description": "Constant term of the kernels poly and sigmoid."},
    "shrinking": {"type": "boolean", "default": True, "description": "Whether the solver leaves out rows that look settled."},
    "tol": {"type": "number", "exclusiveMinimum": 0, "default": 0.001, "description": "Stop when the violation falls below this."},
    "max_iter": {"type": "integer", "minimum": -1, "default": -1, "description": "Most iterations of the solver; -1 sets no limit."},
}
