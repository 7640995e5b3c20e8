"""What a build computes, against plain scikit-learn written from scratch: `python -m tests.reference`."""
