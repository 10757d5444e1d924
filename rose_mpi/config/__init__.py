"""config.toml: read, validate, and turn into learners."""
