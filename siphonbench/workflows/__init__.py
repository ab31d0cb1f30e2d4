"""What needs detectors and leaderboard together, without printing."""
