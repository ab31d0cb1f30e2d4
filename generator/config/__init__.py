"""What a dataset is to hold: presets, scenarios and archetypes read from TOML, checked all at once."""
