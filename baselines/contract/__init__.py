"""The promises that every detector keeps, checked on a toy dataset."""
