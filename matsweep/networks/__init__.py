"""Graphs of layers: import, lowering to matrices, and digital segments between analog products."""
