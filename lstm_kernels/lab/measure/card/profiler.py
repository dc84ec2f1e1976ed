"""Times of single kernels as the card's own trace has them, by PyTorch's profiler (CUPTI)."""

from lstm_kernels.lab.measure.pytorch import has_torch, sees_card


def kernel_times(call):
    """{kernel: [seconds of each launch]} of what `call()` runs on the card, Numba's kernels too.

    Copies and fills of memory stand among them, by their own names.  Empty without PyTorch, or
    where the card's driver lets nobody trace.
    """
    if not (has_torch() and sees_card()):
        return {}
    import torch
    from torch.profiler import ProfilerActivity, profile

    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as trace:
        call()
        torch.cuda.synchronize()
    found = {}
    for event in trace.events():
        if is_kernel(event, torch.autograd.DeviceType.CUDA):
            found.setdefault(event.name, []).append(event.time_range.elapsed_us() / 1e6)
    return found


def is_kernel(event, on_card):
    """Not a mark that PyTorch sets around several kernels, such as `Optimizer.step#Adam.step`."""
    is_mark = getattr(event, "is_user_annotation", False) or "#" in event.name
    return event.device_type == on_card and not is_mark
