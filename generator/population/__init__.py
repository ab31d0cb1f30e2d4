"""Cohorts and their accounts: who there is, with which habits, plans and addresses."""
