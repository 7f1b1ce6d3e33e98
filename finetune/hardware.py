"""What this machine can do, decided on purpose: TRL's defaults assume a GPU with bf16 even where there is none."""

import platform
from pathlib import Path
from typing import Any

BIG = 2_000_000_000
"""Parameters from which activations are recomputed on a GPU of less than 40 GiB ("auto" checkpointing)."""


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def choose_precision(wanted: str) -> str:
    """fp32, bf16 or fp16. A CPU trains in bf16 where it has the instructions (1.4 times as fast), never in fp16."""
    import torch

    if has_gpu():
        best = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
        return best if wanted == "auto" else wanted
    if wanted in ("auto", "fp16"):
        return "bf16" if _cpu_has_bf16() else "fp32"
    return wanted


def choose_checkpointing(wanted: str, parameters: int) -> bool:
    """Whether activations are recomputed to save memory: a fifth slower, so only a big model on a small GPU does."""
    import torch

    if wanted != "auto":
        return wanted == "yes"
    if not has_gpu() or parameters < BIG:
        return False
    return torch.cuda.get_device_properties(0).total_memory < 40 * 2**30


def _cpu_has_bf16() -> bool:
    info = Path("/proc/cpuinfo")
    return info.exists() and "avx512_bf16" in info.read_text()


def leave_a_core() -> None:
    """On a CPU one core stays with the chat and the desk, unless OMP_NUM_THREADS says otherwise.

    Two threads that share two cores with a busy server wait for each other in spin loops: 1,000 tokens a CPU-second
    fell to 150 on the starter.
    """
    import os

    import torch

    if not has_gpu() and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))


def describe() -> dict[str, Any]:
    """Versions and hardware, for the run's record and its card."""
    import os
    from importlib.metadata import version

    import torch

    packages = ("torch", "transformers", "peft", "trl", "datasets", "accelerate", "tokenizers")
    gpu = torch.cuda.get_device_name(0) if has_gpu() else ""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: version(name) for name in packages},
        "gpu": gpu,
        "gpus": torch.cuda.device_count() if gpu else 0,
        "cpu": _cpu_name(),
        "cores": os.cpu_count() or 1,
    }


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
