"""Usages of convolutional networks by hand, for tests of their costs."""

from __future__ import annotations

from matsweep.machine import Usage


def convolution(channels, outputs, kernel, size, *, stride=1, groups=1, operations=()):
    """Return a rectified convolution with equal padding, and the side of its map."""
    side = -(-size // stride)
    counted = dict(operations) | {"comparison": outputs * side**2}
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


def dense(inputs, outputs):
    return Usage(inputs, outputs, signed=False, operations=(("comparison", outputs),))


def pooled(usage, side):
    """Return a layer followed by the largest of each 2 × 2 values, and the side of its map."""
    side //= 2
    compared = dict(usage.operations)["comparison"] + 3 * usage.outputs * side**2
    return usage._replace(operations=(("comparison", compared),)), side


def vgg(plan, size, widths, channels=3):
    """Return a VGG: 3 × 3 convolutions by their channels, "M" for pooling, and dense layers."""
    usages = []
    for each in plan:
        if each == "M":
            usages[-1], size = pooled(usages[-1], size)
        else:
            usage, size = convolution(channels, each, 3, size)
            usages.append(usage)
            channels = each
    inputs = channels * size**2
    for width in widths:
        usages.append(dense(inputs, width))
        inputs = width
    return tuple(usages)


def resnet(blocks, *, deep):
    """Return a ResNet of ImageNet with blocks of two layers, or of three with 1 × 1 (deep)."""
    first, side = convolution(3, 64, 7, 224, stride=2)
    usages, channels, side = [first], 64, side // 2
    for stage, count in enumerate(blocks):
        width = 64 * 2**stage
        outputs = 4 * width if deep else width
        for block in range(count):
            stride = 2 if stage and not block else 1
            after = side // stride
            added = (("addition", outputs * after**2),)
            if deep:
                usages.append(convolution(channels, width, 1, side)[0])
                usages.append(convolution(width, width, 3, side, stride=stride)[0])
                usages.append(convolution(width, outputs, 1, after, operations=added)[0])
            else:
                usages.append(convolution(channels, width, 3, side, stride=stride)[0])
                usages.append(convolution(width, outputs, 3, after, operations=added)[0])
            if channels != outputs:
                usages.append(convolution(channels, outputs, 1, side, stride=stride)[0])
            channels, side = outputs, after
    usages.append(Usage(channels, 1000, signed=False))
    return tuple(usages)


VGG8 = vgg([128, 128, "M", 256, 256, "M", 512, 512, "M"], 32, [1024, 10])
"""DNN+NeuroSim's VGG-8 for CIFAR-10."""
_VGG1 = [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"]
VGG1 = vgg(_VGG1, 224, [4096, 4096, 1000])
"""The smallest VGG of ISAAC's benchmarks (A of K. Simonyan, A. Zisserman, ICLR 2015)."""
RESNET18, RESNET50 = resnet([2, 2, 2, 2], deep=False), resnet([3, 4, 6, 3], deep=True)
