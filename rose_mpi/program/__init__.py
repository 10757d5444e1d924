"""Python programs: the engine that they make, and how they end."""
