"""Where things run: ranks, groups, messages and the engine that ties them together."""
