"""Training of networks for devices: a differentiable forward pass, and the loop around it."""
