"""Commands of boards, seasons, classes and the site."""
