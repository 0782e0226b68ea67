"""One module a library: what it trains, asks and differentiates, and how it is spelt there."""
