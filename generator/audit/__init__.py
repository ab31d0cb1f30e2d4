"""Release gates: is a dataset winnable by a shortcut, and is it solvable by relation?"""

from generator.audit.base.gate import Gate
from generator.audit.run import measure

__all__ = ["Gate", "measure"]
