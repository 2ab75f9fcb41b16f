"""Where an instance lives: the checkout, or the folder that ``EMTP_HOME`` names. Nothing else."""

from __future__ import annotations

import os
from pathlib import Path

HOME = Path(os.environ.get("EMTP_HOME", Path(__file__).resolve().parent.parent.parent))
