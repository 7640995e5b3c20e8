"""The inference server of leptonctl itself, on this host or wherever `leptonctl serve` runs."""

from leptonctl.spi.learning import Platform

PLATFORM = Platform(
    name="server",
    description="leptonctl's own inference server (Open Inference Protocol v2 over HTTP).",
    settings={
        "host": {"type": "string", "default": "127.0.0.1", "description": "Address to listen on."},
        "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 8080, "description": "Port to listen on."},
    },
)
