"""The device that the fit runs on, and why."""

from ulfprep.cli.exit_codes import Exit, Stop


def resolve_device(name: str) -> str:
    """Return the device the fit will use: ``cpu``, ``cuda`` or ``cuda:N``.

    ``auto`` takes a GPU where there is one. A GPU asked for by name is never
    quietly replaced by the CPU.

    Raises
    ------
    Stop
        Where the GPU that was asked for is not there.
    """
    if name == 'cpu':
        return name
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == 'auto':
        return 'cuda' if count else 'cpu'
    index = int(name.partition(':')[2] or 0)
    if index >= count:
        found = f'torch {torch.__version__} sees {count} GPU(s)'
        raise Stop(
            Exit.USAGE,
            f'--device {name} was asked for but {found}; install a CUDA build of torch or a '
            'driver that fits, or use --device cpu',
        )
    return name


def describe_device(asked: str, device: str) -> str:
    """Say which device a run uses and why, in one line for the log.

    Parameters
    ----------
    asked : str
        As on the command line.
    device : str
        What :func:`resolve_device` made of it.

    Returns
    -------
    str
        Such as ``device: cpu (--device auto; torch 2.5.1+cpu sees no GPU)``.
    """
    reason = f'--device {asked}'
    if device == 'cpu':
        if asked == 'auto':
            import torch

            reason += f'; torch {torch.__version__} sees no GPU'
        return f'device: cpu ({reason})'
    import torch

    number = int(device.partition(':')[2] or 0)
    return f'device: cuda:{number}, {torch.cuda.get_device_name(number)} ({reason})'
