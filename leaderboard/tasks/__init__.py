"""The four tasks: from an answer and the ground truth to a scorecard."""
