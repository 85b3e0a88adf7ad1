"""Published convolutional networks as the usages of their matrices, from which costs follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matsweep.machine import Usage


def convolution(
    channels: int,
    outputs: int,
    kernel: int,
    size: int,
    *,
    stride: int = 1,
    groups: int = 1,
    operations: Mapping[str, int] | None = None,
) -> tuple[Usage, int]:
    """Return a rectified convolution of square maps, padded so that a stride of 1 keeps their size.

    Parameters
    ----------
    channels : int
    outputs : int
        Channels that it writes, of all groups.
    kernel : int
        Side of the kernel.
    size : int
        Side of the map that it reads.
    stride : int
    groups : int
    operations : mapping of str to int, optional
        Digital operations behind it, next to the rectification's comparisons.

    Returns
    -------
    usage : Usage
    side : int
        Of the map that it writes.
    """
    side = -(-size // stride)
    counted = {**(operations or {}), "comparison": outputs * side**2}
    usage = Usage(
        channels * kernel**2,
        outputs,
        signed=False,
        uses=side**2,
        operations=tuple(sorted(counted.items())),
        blocks=groups,
        fresh=channels * size**2,
        held=channels * ((kernel - 1) * size + kernel),
    )
    return usage, side


def dense(inputs: int, outputs: int, *, rectified: bool = True) -> Usage:
    """Return a dense layer.

    Parameters
    ----------
    inputs : int
    outputs : int
    rectified : bool

    Returns
    -------
    Usage
    """
    compared = (("comparison", outputs),) if rectified else ()
    return Usage(inputs, outputs, signed=False, operations=compared)


def vgg(plan: Sequence[int | str], size: int, widths: Sequence[int]) -> tuple[Usage, ...]:
    """Return a VGG: 3 × 3 convolutions, the largest of each 2 × 2 values, and dense layers.

    Parameters
    ----------
    plan : sequence of int or "M"
        Channels of each convolution; "M": a pooling.
    size : int
        Side of the images, of three channels.
    widths : sequence of int
        Outputs of the dense layers.

    Returns
    -------
    tuple of Usage

    References
    ----------
    K. Simonyan, A. Zisserman, ICLR 2015, arXiv:1409.1556, table 1.
    """
    usages: list[Usage] = []
    channels = 3
    for each in plan:
        if isinstance(each, str):
            size //= 2
            compared = dict(usages[-1].operations)["comparison"] + 3 * channels * size**2
            usages[-1] = usages[-1]._replace(operations=(("comparison", compared),))
            continue
        usage, size = convolution(channels, each, 3, size)
        usages.append(usage)
        channels = each
    inputs = channels * size**2
    for width in widths:
        usages.append(dense(inputs, width))
        inputs = width
    return tuple(usages)


def resnet(blocks: Sequence[int], *, deep: bool) -> tuple[Usage, ...]:
    """Return a ResNet for images of 224 × 224.

    Parameters
    ----------
    blocks : sequence of int
        Blocks of each of the four stages.
    deep : bool
        Whether a block has three layers, of which the middle one is 3 × 3, rather than two.

    Returns
    -------
    tuple of Usage
        Pooling to 56 × 56 counts nine comparisons a value, the additions of each block its values,
        and the mean over positions one addition a value.

    References
    ----------
    K. He et al., CVPR 2016, doi:10.1109/CVPR.2016.90, table 1.
    """
    side, channels = 56, 64
    first, _ = convolution(3, channels, 7, 224, stride=2)
    compared = dict(first.operations)["comparison"] + 8 * channels * side**2
    usages = [first._replace(operations=(("comparison", compared),))]
    for stage, count in enumerate(blocks):
        width = 64 * 2**stage
        outputs = 4 * width if deep else width
        for block in range(count):
            stride = 2 if stage and not block else 1
            usages += _block(channels, width, outputs, side, stride=stride, deep=deep)
            channels, side = outputs, side // stride
    last = dict(usages[-1].operations)
    last["addition"] = last.get("addition", 0) + channels * side**2
    usages[-1] = usages[-1]._replace(operations=tuple(sorted(last.items())))
    return (*usages, dense(channels, 1000, rectified=False))


def _block(
    channels: int, width: int, outputs: int, side: int, *, stride: int, deep: bool
) -> list[Usage]:
    """Return one block: its layers, and the 1 × 1 convolution beside them where shapes differ."""
    after = side // stride
    added = {"addition": outputs * after**2}
    usages = []
    if deep:
        usages.append(convolution(channels, width, 1, side)[0])
        usages.append(convolution(width, width, 3, side, stride=stride)[0])
        usages.append(convolution(width, outputs, 1, after, operations=added)[0])
    else:
        usages.append(convolution(channels, width, 3, side, stride=stride)[0])
        usages.append(convolution(width, outputs, 3, after, operations=added)[0])
    if channels != outputs:
        short, _ = convolution(channels, outputs, 1, side, stride=stride)
        usages.append(short._replace(operations=()))
    return usages


VGG8 = vgg([128, 128, "M", 256, 256, "M", 512, 512, "M"], 32, [1024, 10])
"""DNN+NeuroSim's VGG-8, for images of 32 × 32."""
VGG1 = vgg([64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"], 224,
           [4096, 4096, 1000])  # fmt: skip
"""The smallest VGG of ISAAC's benchmarks, of 11 layers, for images of 224 × 224."""
RESNET18, RESNET50 = resnet([2, 2, 2, 2], deep=False), resnet([3, 4, 6, 3], deep=True)
