"""The law of each kind of workload: tokens and pauses of the requests of whole sessions."""
