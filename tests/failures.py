"""Every known failure: its messages, what the course makes of them, and the cure on each platform.

The messages are as the packages, the compiler and the driver write them.
"""

import sys

PLATFORMS = {"colab": "COLAB_RELEASE_TAG", "kaggle": "KAGGLE_KERNEL_RUN_TYPE"}
FRESH = ("Runtime > Disconnect and delete runtime", "Run > Power off")
GPU = ("Runtime > Change runtime type > T4 GPU", "Settings > Accelerator > GPU T4 x2")
GPU_LINE = "pip install -r requirements-gpu.txt"
OLDER = '%pip install "cuda-toolkit[cudart,nvcc,nvrtc,nvjitlink]<12.5"; then delete that cell, '
COMPILER = '%pip install "numba-cuda[cu12]=='
FAILURES = {  # what the meaning says, the cure at home, on Colab, on Kaggle
    "driver older than the toolkit": (
        "newer than this machine's driver",
        "update the NVIDIA driver",
        f"{OLDER}Runtime > Restart session",
        f"{OLDER}Run > Restart",
    ),
    "parts of two toolkits": ("have different versions", GPU_LINE, OLDER, OLDER),
    "NVVM is missing": ("(NVVM) is missing", GPU_LINE, COMPILER, COMPILER),
    "NVRTC is missing": ("(NVRTC) is missing", GPU_LINE, COMPILER, COMPILER),
    "nvJitLink is missing": ("(nvJitLink) is missing", GPU_LINE, COMPILER, COMPILER),
    "the CUDA runtime is missing": ("runtime library is missing", GPU_LINE, COMPILER, COMPILER),
    "numba-cuda is missing": ("is not installed", "pip install -r requirements.txt", *FRESH),
    "bindings are missing": ("bindings are missing or too old", GPU_LINE, COMPILER, COMPILER),
    "numba and numba-cuda do not fit": (
        "does not fit together",
        "pip install numba==0.68.1 numba-cuda==0.30.4",
        *FRESH,
    ),
    "NumPy is too new": (
        "NumPy is newer than numba-cuda knows",
        "pip install numpy==2.2.6",
        *FRESH,
    ),
    "P100 and CUDA 13": ("no longer knows a card as old as this one", GPU_LINE, *GPU),
    "the card's memory is full": (
        "memory is full",
        "shut down the other notebooks' kernels",
        "Runtime > Restart session",
        "Run > Restart",
    ),
    "no driver": ("driver is not found", "nvidia.com/drivers", *GPU),
    "no card": ("shows no card", "nvidia-smi must list a card", *GPU),
    "switched off": ("NUMBA_DISABLE_CUDA is set", "unset it", *FRESH),
    "half an update": ("its old half still runs", "restart the machine", *FRESH),
    "a compatibility library": ("stands before", "out of LD_LIBRARY_PATH", *FRESH),
    "a card in use": ("another program holds the card", "end the program", *FRESH),
    "driver does not start": ("does not start", "restart the machine", *FRESH),
}
# As numba-cuda 0.19 to 0.30, cuda-bindings, cuda-core, NVIDIA's compiler and the driver write them.
PROVOKED = [  # test_real_failures.py and test_gpu_path.py bring the real ones about
    (
        "driver older than the toolkit",
        "CUDA_ERROR_UNSUPPORTED_PTX_VERSION: This indicates that the provided PTX was compiled "
        "with an unsupported toolchain.",
    ),
    (
        "driver older than the toolkit",
        "ptxas application ptx input, line 9; fatal   : Unsupported .version 8.5; "
        "current version is '8.4'",
    ),
    ("driver older than the toolkit", "CUDA driver version is insufficient for CUDA runtime"),
    (
        "parts of two toolkits",
        "ERROR_PTX_COMPILE (4)\nnvJitLink error log: ptxas application ptx input, line 1; "
        "fatal   : Unsupported .version 9.0; current version is '8.8'\n"
        "ERROR NVJITLINK_ERROR_PTX_COMPILE: JIT the PTX (<cudapy-ptx>)",
    ),
    (
        "NVVM is missing",
        "libNVVM cannot be found. Please install the cuda-toolkit conda package:\n"
        "/usr/local/cuda/nvvm/lib64/libnvvm.so.4: cannot open shared object file: "
        "No such file or directory",
    ),
    (
        "NVVM is missing",
        "Missing libdevice file.\n``cuda-nvcc`` and ``cuda-nvrtc`` are required:\n\n    $ conda "
        'install -c conda-forge cuda-nvcc cuda-nvrtc "cuda-version>=12.0"',
    ),
    (
        "NVRTC is missing",
        'Failure finding "libnvrtc.so.13 or libnvrtc.so.12": No such file: libnvrtc.so.13',
    ),
    (
        "nvJitLink is missing",
        'Failure finding "libnvJitLink.so.13 or libnvJitLink.so.12": No such file: '
        "libnvJitLink.so.13 or libnvJitLink.so.12",
    ),
    (
        "the CUDA runtime is missing",
        'Failure finding "libcudart.so.13 or libcudart.so.12": No such file: libcudart.so.13',
    ),
    (
        "bindings are missing",
        "NVIDIA CUDA Python bindings not found. Install the 'cuda' package "
        "(e.g. pip install nvidia-cuda-python or numba-cuda[cuXY]).",
    ),
    ("bindings are missing", "cannot import name 'core' from 'cuda' (unknown location)"),
    ("bindings are missing", "No module named 'cuda.core'"),
    ("P100 and CUDA 13", "GPU compute capability 6.0 is not supported(requires >=7.5)"),
    (
        "P100 and CUDA 13",
        "Device compute capability 6.0 is less than the minimum supported by NVRTC 13.0. "
        "Supported compute capabilities are 7.5, 8.0.",
    ),
    ("P100 and CUDA 13", "libnvvm : error: -arch=compute_60 is an unsupported option"),
    ("P100 and CUDA 13", "nvrtc: error: invalid value for --gpu-architecture (-arch)"),
    ("NumPy is too new", "module 'numpy' has no attribute 'row_stack'"),
    ("the card's memory is full", "[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY"),
    (
        "no driver",
        "Error at driver init: \n\nCUDA driver library cannot be found.\nEnsure that a compatible "
        "NVIDIA driver is installed and available on your system path.\n:",
    ),
    ("no driver", '"cuda" is an NVIDIA driver library and can only be found via system search.'),
    ("no driver", "Failed to dlopen libcuda.so.1"),
    ("no card", "Error at driver init: Call to cuInit results in CUDA_ERROR_NO_DEVICE (100)"),
    (
        "switched off",
        "Error at driver init: \nCUDA is disabled due to setting NUMBA_DISABLE_CUDA=1 in the "
        "environment, or because CUDA is unsupported on 32-bit systems.:",
    ),
    ("half an update", "Call to cuInit results in CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)"),
    (
        "a compatibility library",
        "Error at driver init: Call to cuInit results in "
        "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE (804)",
    ),
    (
        "driver does not start",
        "Error at driver init: Call to cuInit results in CUDA_ERROR_UNKNOWN (999)",
    ),
]
RECORDED = [  # what these packages, without a card, cannot be brought to say
    # a driver older than the toolkit, where the driver links (numba-cuda 0.22)
    (
        "driver older than the toolkit",
        "[222] Call to cuLinkAddData results in CUDA_ERROR_UNSUPPORTED_PTX_VERSION\n"
        "ptxas application ptx input, line 9; fatal   : Unsupported .version 8.5; "
        "current version is '8.4'",
    ),
    # the driver's own sentence for its answer 222
    (
        "driver older than the toolkit",
        "the provided PTX was compiled with an unsupported toolchain.",
    ),
    # one part of the compiler made code that the linker, another part, is too old for
    (
        "parts of two toolkits",
        "ERROR_INTERNAL (6)\nLinker error log: ERROR 4 in nvvmAddNVVMContainerToProgram, "
        "may need newer version of nvJitLink library",
    ),
    # numba-cuda 0.30 without libNVVM, on a machine that has none anywhere
    ("NVVM is missing", "libNVVM is not available"),
    ("NVVM is missing", 'Failure finding "libnvvm.so.4": No such file: libnvvm.so.4'),
    # not today's numba: without numba-cuda it takes an older numba.cuda, its own
    ("numba-cuda is missing", "No module named 'numba_cuda'"),
    # numba-cuda 0.30 on the cuda-core 0.3 of Colab's image
    ("bindings are missing", "cannot import name 'Buffer' from 'cuda.core' (/lib/cuda/core.py)"),
    # pairs of numba and numba-cuda of other years; test_real_failures.py plays such a pair
    (
        "numba and numba-cuda do not fit",
        "cannot import name 'UnsupportedBytecodeError' from 'numba.core.errors'",
    ),
    ("numba and numba-cuda do not fit", "No module named 'numba.core.types'"),
    (
        "numba and numba-cuda do not fit",
        "module 'numba.cuda.types' has no attribute 'NPDatetime'",
    ),
    # nvcc, which no package of the course brings
    ("P100 and CUDA 13", "nvcc fatal   : Unsupported gpu architecture 'compute_60'"),
    # a P100 that gets code for newer cards alone: the driver's answer 209, and its sentence
    ("P100 and CUDA 13", "Call to cuModuleLoadDataEx results in CUDA_ERROR_NO_BINARY_FOR_GPU"),
    ("P100 and CUDA 13", "no kernel image is available for execution on the device"),
    # a card in the mode "exclusive process", and another process on it
    (
        "a card in use",
        "[46] Call to cuDevicePrimaryCtxRetain results in CUDA_ERROR_DEVICE_UNAVAILABLE",
    ),
]
MESSAGES = PROVOKED + RECORDED

# What stops the course itself: the error of its imports, and what is told.
LLVMLITE = "Numba requires at least version 0.50.0 of llvmlite.\nInstalled version is 0.48.0."
UNIMPORTABLE = {
    "another Python's kernel": (
        ModuleNotFoundError("No module named 'numpy'", name="numpy"),
        f"This Python, {sys.executable}, has no numpy, which the course needs.",
    ),
    "an old numba": (
        ImportError("Numba needs NumPy 2.2 or less. Got NumPy 2.4."),
        "Numba needs NumPy 2.2 or less. Got NumPy 2.4.",
    ),
    "an old llvmlite": (
        ImportError(LLVMLITE),
        "Numba requires at least version 0.50.0 of llvmlite. Installed version is 0.48.0.",
    ),
}
