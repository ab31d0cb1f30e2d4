"""What is written down: task definitions, cards, submissions, scorecards."""
