"""Backends of the derivative engine: each carries one chunk of points forward and back."""
