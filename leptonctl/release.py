"""The version of this release, apart from the package's public names, so that what needs it loads none of them."""

__version__ = "0.1.0"
