"""Runs CUDA kernels on a CPU."""
