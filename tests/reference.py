"""The same model in PyTorch: nn.LSTM and Linear, mean squared error, autograd."""

import numpy as np

from lstm_kernels.model import Params, to_torch


def torch_gradients(torch, params, x, y):
    """Loss and gradients (as Params of arrays) by PyTorch's autograd."""
    lstm, linear = torch_modules(torch, params)
    predictions = linear(lstm(torch.from_numpy(x))[0])
    loss = torch.nn.functional.mse_loss(predictions, torch.from_numpy(y))
    loss.backward()
    trained = (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, linear.weight, linear.bias)
    return loss.item(), Params(*(p.grad.numpy() for p in trained))


def torch_modules(torch, params):
    """nn.LSTM and Linear that hold these parameters."""
    (O, H), D = params.V.shape, params.U.shape[1]  # noqa: E741
    dtype = torch.float64 if params.U.dtype == np.float64 else torch.float32
    lstm, linear = torch.nn.LSTM(D, H).to(dtype), torch.nn.Linear(H, O).to(dtype)
    for module, arrays in zip((lstm, linear), to_torch(params), strict=True):
        module.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
    return lstm, linear
