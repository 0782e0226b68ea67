"""A network: its composition, one call of fit, the facade, and its archive."""
