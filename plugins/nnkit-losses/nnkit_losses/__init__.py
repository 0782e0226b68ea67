"""Focal, dice, Tversky and hinge losses for nnkit."""
