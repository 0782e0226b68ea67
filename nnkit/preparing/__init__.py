"""From a network and its data to a call of ``fit`` of which nothing is left to refuse; it changes nothing."""
