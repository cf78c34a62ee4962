"""Small PyTorch checkpoints, for the tests of src/tensors.rs. Made with torch 2.15.0:

    python make.py
"""

from collections import OrderedDict
from pathlib import Path

import torch

here = Path(__file__).parent
tensors = OrderedDict(
    whole=torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4,
    half=torch.tensor([1.5, -2.0], dtype=torch.float16),
    count=torch.tensor(7),
)
torch.save(tensors, here / "plain.pth")
torch.save({"epoch": 3, "state_dict": tensors, "arch": "small"}, here / "nested.pth")
torch.save(tensors, here / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3}, here / "without_tensors.pth")
