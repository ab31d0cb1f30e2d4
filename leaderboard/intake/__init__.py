"""The one road of a submission: teams, queue, and the process that scores it."""
