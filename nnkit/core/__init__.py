"""Parameters, forward, Jacobian-based backward, objective and training loop; names no concrete part."""
