"""What a network's hidden layers hold at points: what each affine layer but the first is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from jaxtyping import Float

from pinn_core.engine.backends.modules import ModuleStack
from pinn_core.engine.stack import Stack
from pinn_core.tensors import Tensor, torch


def hidden_widths(stack: Stack) -> tuple[int, ...]:
    """Units of every hidden layer, the last one last.

    Of a torch module these are the inputs of its linear layers, in the order of their calls, but
    for those layers that are given what the module is given. Raises ``ValueError`` where a module
    has no such layers.
    """
    return _widths_of_module(stack) if isinstance(stack, ModuleStack) else stack.widths[1:-1]


def hidden_states(
    stack: Stack, parameters: Float[Tensor, "m p"], points: Float[Tensor, "n d"]
) -> list[Float[Tensor, "m n _"]]:
    """The states of every hidden layer, after the activation and, where there is one, the gate.

    ``parameters`` are those that the stack takes, in the precision of the points.
    """
    if isinstance(stack, ModuleStack):
        each = [_of_module(stack, own, points) for own in parameters]
        return [torch.stack(states) for states in zip(*each, strict=True)]
    inputs = points if stack.features is None else stack.features.values(points)

    def activated(h: Tensor, layer: tuple[Tensor, Tensor]) -> Tensor:
        weights, biases = layer
        return stack.activation(h @ weights.mT + biases[:, None], 0)[0]

    encoded = [activated(inputs, layer) for layer in stack.encoders(parameters)]
    states: list[Tensor] = []
    for number, layer in enumerate(stack.layers(parameters)[:-1]):
        h = activated(states[-1] if states else inputs, layer)
        if stack.has_gate(number):
            base, other = encoded[stack.base_encoder], encoded[1 - stack.base_encoder]
            h = h * (other - base) + base
        states.append(h)
    return states


def _of_module(
    stack: ModuleStack, parameters: Float[Tensor, " p"], points: Float[Tensor, "n d"]
) -> list[Tensor]:
    with _listening(stack) as heard:
        stack.function(parameters)(points)
    return heard


@lru_cache(maxsize=16)
def _widths_of_module(stack: ModuleStack) -> tuple[int, ...]:
    axes = stack.widths[0] if stack.features is None else len(stack.features.directions[0])
    tables = [table.detach().flatten() for table in stack.module.parameters()]
    states = _of_module(stack, torch.cat(tables), torch.zeros(1, axes, dtype=tables[0].dtype))
    if not states:
        name = type(stack.module).__name__
        raise ValueError(
            f"the module {name} has no hidden layer that can be looked at: found no torch.nn.Linear"
            " that is given another's output"
        )
    return tuple(state.shape[-1] for state in states)


@contextmanager
def _listening(stack: ModuleStack) -> Iterator[list[Tensor]]:
    """What the module's linear layers are given, but for what the module itself is given."""
    heard: list[Tensor] = []
    given: list[Tensor] = []

    def entered(_: object, inputs: tuple[Tensor]) -> None:
        given.append(inputs[0])

    def called(_: object, inputs: tuple[Tensor]) -> None:
        if inputs[0] is not given[0]:
            heard.append(inputs[0].detach())

    linear = [part for part in stack.module.modules() if isinstance(part, torch.nn.Linear)]
    hooks = [stack.module.register_forward_pre_hook(entered)]
    hooks += [part.register_forward_pre_hook(called) for part in linear]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()
