"""Operators of ONNX in JAX, one module a family: what digital segments are differentiated by."""
