"""Release gates: is a dataset winnable by a shortcut, and is it solvable by relation?"""
